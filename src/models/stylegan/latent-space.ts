/**
 * P_N, the space in which the generator's latents are close to standard normal
 * (Zhu et al. 2020, Improved StyleGAN Embedding: Where are the Good Latents?, section 3.2).
 *
 * x = LeakyReLU_5(w / sqrt 2) undoes the last activation and gain of the mapping network; mapped latents are close to
 * normal there. Whitening, p = L^-1 (x - mu) with the Cholesky factor L of their covariance, gives every direction the
 * same spread. It differs from the principal axes of the paper by a rotation, which changes no length, and needs no
 * eigenvectors.
 *
 * A gradient step of one size for all coordinates, as Adam's, then moves the latent the way the generator's own samples
 * differ; in W it would move it just as far along directions that the generator has never seen.
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';

/** Slope and gain that undo LeakyReLU 0.2 followed by sqrt 2. */
const SLOPE = 5;
const GAIN = Math.SQRT1_2;
/** Added to every variance: the spectrum falls to 1e-8, and along its tail a sampled spread says nothing. */
const VARIANCE_FLOOR = 0.01;
/**
 * The same for the coordinates of Adam: with the low floor, details of a photo along which samples hardly differ would take
 * it hundreds of steps (docs/decisions/0005).
 */
export const STEP_FLOOR = 0.3;

/** Mean and covariance of x over sampled latents, in double precision. */
export class LatentSpread {
  private readonly sum: Float64Array;
  /** Lower triangle of the sum of x x^T, rows one after another. */
  private readonly products: Float64Array;
  private count = 0;

  constructor(readonly dim: number) {
    this.sum = new Float64Array(dim);
    this.products = new Float64Array(dim * dim);
  }

  /** Adds one latent w [dim]. */
  add(w: ArrayLike<number>): void {
    const { dim, sum, products } = this;
    const x = Float64Array.from({ length: dim }, (_, i) => preactivationOf(w[i]!));
    for (let i = 0; i < dim; i++) {
      const xi = x[i]!;
      sum[i]! += xi;
      for (let k = 0; k <= i; k++) products[i * dim + k]! += xi * x[k]!;
    }
    this.count++;
  }

  /** Mean [dim] and Cholesky factor L [dim,dim] of the covariance L L^T with raised variances. Throws for too few samples. */
  normal(floor: number): { mean: Float64Array; factor: Float64Array } {
    const { dim, sum, products, count } = this;
    if (count < 2) throw new Error(`Expected at least 2 latents but received ${count}`);
    const mean = sum.map((s) => s / count);
    const covariance = products.map((s, at) => {
      const [i, k] = [Math.floor(at / dim), at % dim];
      return k > i ? 0 : s / count - mean[i]! * mean[k]! + (i === k ? floor : 0);
    });
    return { mean, factor: cholesky(covariance, dim) };
  }
}

/** Graph `whitening`: `w` [1,L,dim] -> `p` [1,L,dim]; L may be left open. */
export function whiteningGraph(spread: LatentSpread, floor = VARIANCE_FLOOR): Graph {
  const { mean, factor } = spread.normal(floor);
  const { dim } = spread;
  const b = new GraphBuilder('whitening');
  const w = b.input('w', 'float32', [1, 1, dim]);
  const x = b.op('LeakyRelu', [b.op('Mul', [w, b.scalar(GAIN)])], { alpha: SLOPE });
  const centred = b.op('Sub', [x, b.constant(f32(mean, [dim]), 'mean')]);
  // Row vectors: p = (x - mu) L^-T
  const matrix = b.constant(f32(transposed(inverse(factor, dim), dim), [dim, dim]), 'whitening');
  b.output(b.op('MatMul', [centred, matrix]), 'p');
  return b.build();
}

/** Graph `colouring`, the inverse: `p` [1,L,dim] -> `w` [1,L,dim]; L may be left open. */
export function colouringGraph(spread: LatentSpread, floor = VARIANCE_FLOOR): Graph {
  const { mean, factor } = spread.normal(floor);
  const { dim } = spread;
  const b = new GraphBuilder('colouring');
  const p = b.input('p', 'float32', [1, 1, dim]);
  const matrix = b.constant(f32(transposed(factor, dim), [dim, dim]), 'colouring');
  b.output(
    latentOf(b, b.op('Add', [b.op('MatMul', [p, matrix]), b.constant(f32(mean, [dim]), 'mean')])),
    'w',
  );
  return b.build();
}

/** w of x, the latent before the last activation and gain of the mapping network. */
export const latentOf = (b: GraphBuilder, x: Value): Value =>
  b.op('Mul', [b.op('LeakyRelu', [x], { alpha: 1 / SLOPE }), b.scalar(1 / GAIN)]);

/** x of w, the inverse. */
export const preactivationOf = (w: number): number => GAIN * (w < 0 ? SLOPE * w : w);

/** w of x, as a number. */
export const latentFrom = (x: number): number => (x < 0 ? x / SLOPE : x) / GAIN;

/** Lower factor L of a positive definite matrix L L^T, row-major. Throws where it is not positive definite. */
export function cholesky(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k <= i; k++) {
      let s = a[i * n + k]!;
      for (let j = 0; j < k; j++) s -= l[i * n + j]! * l[k * n + j]!;
      if (i === k && !(s > 0))
        throw new RangeError(`Expected a positive definite matrix but its pivot ${i} of ${n} is ${s}`);
      l[i * n + k] = i === k ? Math.sqrt(s) : s / l[k * n + k]!;
    }
  }
  return l;
}

/** Inverse of a lower triangular matrix. */
function inverse(l: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    for (let i = column; i < n; i++) {
      let s = i === column ? 1 : 0;
      for (let k = column; k < i; k++) s -= l[i * n + k]! * out[k * n + column]!;
      out[i * n + column] = s / l[i * n + i]!;
    }
  }
  return out;
}

const transposed = (a: Float64Array, n: number): Float64Array =>
  a.map((_, at) => a[(at % n) * n + Math.floor(at / n)]!);
