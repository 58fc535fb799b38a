/** Statistics of w = mapping(z) over seeded normal z, without an inference engine. */

import { normalFrom } from '../random.js';
import { LatentSpread } from '../stylegan/latent-space.js';
import type { MappingWeights } from './mobilestylegan.js';

export interface LatentStatistics {
  readonly mean: number[];
  readonly std: number[];
  /** What the P_N space is made of. */
  readonly spread: LatentSpread;
}

const DIM = 512;
const SLOPE = 0.2;
const BATCH = 64;

/** Statistics over `count` samples, rounded up to whole batches of 64. */
export function latentStatistics(weights: MappingWeights, count: number, seed: number): LatentStatistics {
  const normal = normalFrom(seed);
  const layers = weights.layers.map(({ weight, bias }) => ({
    weight: Float64Array.from(weight.data as Float32Array),
    bias: Float64Array.from(bias.data as Float32Array),
  }));
  const sum = new Float64Array(DIM);
  const squares = new Float64Array(DIM);
  const spread = new LatentSpread(DIM);
  const batches = Math.ceil(count / BATCH);
  let [x, y] = [new Float64Array(BATCH * DIM), new Float64Array(BATCH * DIM)];
  for (let n = 0; n < batches; n++) {
    for (let i = 0; i < x.length; i++) x[i] = normal();
    pixelNorm(x, weights.epsilon);
    for (const { weight, bias } of layers) {
      fullyConnected(x, weight, bias, y);
      [x, y] = [y, x];
    }
    for (let i = 0; i < x.length; i++) {
      const v = x[i]!;
      sum[i % DIM]! += v;
      squares[i % DIM]! += v * v;
    }
    for (let at = 0; at < x.length; at += DIM) spread.add(x.subarray(at, at + DIM));
  }
  const total = batches * BATCH;
  const mean = Array.from(sum, (s) => s / total);
  const std = mean.map((m, i) => Math.sqrt(Math.max(0, squares[i]! / total - m * m)));
  return { mean: mean.map(Math.fround), std: std.map(Math.fround), spread };
}

function pixelNorm(x: Float64Array, epsilon: number): void {
  for (let at = 0; at < x.length; at += DIM) {
    let squares = 0;
    for (let i = at; i < at + DIM; i++) squares += x[i]! * x[i]!;
    const factor = 1 / Math.sqrt(squares / DIM + epsilon);
    for (let i = at; i < at + DIM; i++) x[i]! *= factor;
  }
}

/**
 * y [BATCH,512] = sqrt 2 * LeakyReLU(x W^T + bias). Four rows times four columns at a time: sixteen sums stay in
 * registers, and each number read serves four products.
 */
function fullyConnected(x: Float64Array, weight: Float64Array, bias: Float64Array, y: Float64Array): void {
  for (let row = 0; row < BATCH; row += 4) {
    for (let out = 0; out < DIM; out += 4) {
      let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
      let [c0, c1, c2, c3, d0, d1, d2, d3] = [0, 0, 0, 0, 0, 0, 0, 0];
      let p = row * DIM;
      let q = out * DIM;
      for (let k = 0; k < DIM; k++, p++, q++) {
        const w0 = weight[q]!;
        const w1 = weight[q + DIM]!;
        const w2 = weight[q + 2 * DIM]!;
        const w3 = weight[q + 3 * DIM]!;
        const xa = x[p]!;
        const xb = x[p + DIM]!;
        const xc = x[p + 2 * DIM]!;
        const xd = x[p + 3 * DIM]!;
        a0 += xa * w0;
        a1 += xa * w1;
        a2 += xa * w2;
        a3 += xa * w3;
        b0 += xb * w0;
        b1 += xb * w1;
        b2 += xb * w2;
        b3 += xb * w3;
        c0 += xc * w0;
        c1 += xc * w1;
        c2 += xc * w2;
        c3 += xc * w3;
        d0 += xd * w0;
        d1 += xd * w1;
        d2 += xd * w2;
        d3 += xd * w3;
      }
      const sums = [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3];
      for (let i = 0; i < 16; i++) {
        const column = out + (i & 3);
        const v = sums[i]! + bias[column]!;
        y[(row + (i >> 2)) * DIM + column] = Math.SQRT2 * (v < 0 ? SLOPE * v : v);
      }
    }
  }
}
