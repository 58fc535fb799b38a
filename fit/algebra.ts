/** The linear algebra of the encoder's fit, in double precision. Matrices are row-major. */
import { normalFrom } from '../src/models/random.js';
import { cholesky } from '../src/models/stylegan/latent-space.js';

/** Rounds of subspace iteration: the directions wanted stand well above those left out. */
const ROUNDS = 8;

/** X [n,m] with A X = B for a positive definite A [n,n] and B [n,m]; a factor can be used again. */
export function solver(a: Float64Array, n: number): (b: Float64Array, m: number) => Float64Array {
  const l = cholesky(a, n);
  return (b, m) => {
    const x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      const row = x.subarray(i * m, (i + 1) * m);
      for (let k = 0; k < i; k++) subtract(row, x.subarray(k * m, (k + 1) * m), l[i * n + k]!);
      scale(row, 1 / l[i * n + i]!);
    }
    for (let i = n - 1; i >= 0; i--) {
      const row = x.subarray(i * m, (i + 1) * m);
      scale(row, 1 / l[i * n + i]!);
      for (let k = 0; k < i; k++) subtract(x.subarray(k * m, (k + 1) * m), row, l[i * n + k]!);
    }
    return x;
  };
}

/**
 * The `count` leading eigenvectors of a symmetric positive map of R^n as orthonormal columns [n,count], by subspace
 * iteration from a seeded start (Halko, Martinsson and Tropp 2011, algorithm 4.4). `apply` maps columns [n,count].
 */
export async function leadingDirections(
  n: number,
  count: number,
  apply: (columns: Float64Array) => Float64Array | Promise<Float64Array>,
): Promise<Float64Array> {
  if (count > n) throw new RangeError(`Expected at most ${n} directions but received ${count}`);
  let q: Float64Array = Float64Array.from({ length: n * count }, normalFrom(1));
  orthonormalise(q, n, count);
  for (let round = 0; round < ROUNDS; round++) {
    q = await apply(q);
    orthonormalise(q, n, count);
  }
  return q;
}

/** Gram-Schmidt on columns, twice for stability; works on rows of the transpose, which lie together. */
function orthonormalise(columns: Float64Array, n: number, count: number): void {
  const rows = transposed(columns, n, count);
  for (let i = 0; i < count; i++) {
    const own = rows.subarray(i * n, (i + 1) * n);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = rows.subarray(k * n, (k + 1) * n);
        subtract(own, other, dot(own, other));
      }
    }
    scale(own, 1 / Math.sqrt(dot(own, own)));
  }
  columns.set(transposed(rows, count, n));
}

/** [n,m] -> [m,n] */
export function transposed<T extends Float32Array | Float64Array>(a: T, n: number, m: number): T {
  const out = a.slice() as T;
  for (let i = 0; i < n; i++) for (let k = 0; k < m; k++) out[k * n + i] = a[i * m + k]!;
  return out;
}

function subtract(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! -= factor * y[i]!;
}

function scale(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factor;
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
