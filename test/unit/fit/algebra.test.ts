/** The linear algebra of the encoder's fit, and the regression on data whose answer is known. */
import { expect, test } from 'vitest';
import { leadingDirections, solver, transposed } from '../../../fit/algebra.js';
import { type Matrix, matrix, Products } from '../../../fit/products.js';
import { explained, ridge } from '../../../fit/regression.js';
import { normalFrom } from '../../../src/models/random.js';

const random = (length: number, seed: number): Float64Array =>
  Float64Array.from({ length }, normalFrom(seed));

const product = (a: ArrayLike<number>, b: ArrayLike<number>, [n, k, m]: readonly [number, number, number]) =>
  Float64Array.from({ length: n * m }, (_, at) => {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a[Math.floor(at / m) * k + i]! * b[i * m + (at % m)]!;
    return sum;
  });

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

test('a solver solves for several right sides, and again', () => {
  const n = 12;
  const root = random(n * n, 1);
  const a = product(root, transposed(root, n, n), [n, n, n]);
  for (let i = 0; i < n; i++) a[i * n + i]! += 1;
  const solve = solver(a, n);
  for (const [seed, m] of [
    [2, 1],
    [3, 5],
  ] as const) {
    const x = random(n * m, seed);
    expect(largestDifference(solve(product(a, x, [n, n, m]), m), x)).toBeLessThan(1e-9);
  }
});

test('a matrix that is not positive definite is refused', () => {
  expect(() => solver(Float64Array.from([1, 2, 2, 1]), 2)).toThrow(/positive definite .* pivot 1 of 2 is -3/);
});

test('the leading directions are the eigenvectors of the largest eigenvalues, in any basis', async () => {
  const [n, count] = [10, 3];
  // A reflection turns the axes: I - 2 v v^T.
  const v = random(n, 4);
  const length = Math.hypot(...v);
  const turn = Float64Array.from(
    { length: n * n },
    (_, at) => Number(at % (n + 1) === 0) - (2 * v[Math.floor(at / n)]! * v[at % n]!) / length ** 2,
  );
  const values = [1e-3, 100, 0.1, 0.2, 50, 0.01, 20, 0.3, 0, 0.05];
  const diagonal = Float64Array.from({ length: n * n }, (_, at) =>
    at % (n + 1) === 0 ? values[at % n]! : 0,
  );
  const a = product(product(turn, diagonal, [n, n, n]), turn, [n, n, n]);
  const q = await leadingDirections(n, count, (columns) => product(a, columns, [n, n, count]));
  const wanted = [1, 4, 6].map((axis) => Float64Array.from({ length: n }, (_, i) => turn[i * n + axis]!));
  wanted.forEach((direction, k) => {
    const cosine = direction.reduce((sum, x, i) => sum + x * q[i * count + k]!, 0);
    expect(Math.abs(cosine)).toBeGreaterThan(0.9999);
  });
  await expect(leadingDirections(2, 3, (columns) => columns)).rejects.toThrow(/at most 2 directions/);
});

test('ridge regression finds a map of low rank, and shrinks it with lambda', async () => {
  const [n, f, l, rank] = [60, 20, 12, 3];
  const z = random(n * f, 5);
  const map = product(random(f * rank, 6), random(rank * l, 7), [f, rank, l]);
  const x = product(z, map, [n, f, l]);
  const asMatrix = (rows: number, columns: number, data: Float64Array): Matrix =>
    matrix(rows, columns, Float32Array.from(data));
  const [features, latents] = [asMatrix(n, f, z), asMatrix(n, l, x)];
  const products = await Products.open(1);
  const predict = async (lambda: number): Promise<Matrix> => {
    const { encode, decode } = await ridge(products, features, latents, { lambda, rank });
    return products.timesTransposed(await products.timesTransposed(features, encode), decode);
  };
  const exact = explained(await predict(1e-2), latents, 4);
  const shrunk = explained(await predict(20), latents, 4);
  for (const r2 of exact) expect(r2).toBeGreaterThan(0.9999);
  for (const r2 of shrunk) expect(r2).toBeLessThan(0.98);
  expect(explained(matrix(n, l), latents, 2)).toEqual([0, 0]);
});
