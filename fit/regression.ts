/**
 * Reduced-rank ridge regression from features to latents, in dual form (Hoerl and Kennard 1970; Izenman 1975).
 *
 * With centred features Z [n,f] and latents X [n,l], K = Z Z^T and S = (K + lambda I)^-1, the ridge predictions are
 * K S X. Their leading right singular vectors V [l,r] give the map of rank r that comes nearest to them: z -> z^T Z^T S X V V^T.
 */
import { leadingDirections, solver } from './algebra.js';
import { type Matrix, matrix, type Products } from './products.js';

export interface Fitted {
  /** [rank, f] */
  encode: Matrix;
  /** [l, rank] */
  decode: Matrix;
}

export interface RidgeOptions {
  lambda: number;
  rank: number;
}

export async function ridge(
  products: Products,
  features: Matrix,
  latents: Matrix,
  { lambda, rank }: RidgeOptions,
): Promise<Fitted> {
  const n = features.rows;
  const kernel = await products.timesTransposed(features, features);
  const regular = Float64Array.from(kernel.data);
  for (let i = 0; i < n; i++) regular[i * n + i]! += lambda;
  const solve = solver(regular, n);
  const smooth = (m: Matrix): Matrix =>
    matrix(m.rows, m.columns, Float32Array.from(solve(Float64Array.from(m.data), m.columns)));
  // V of K S X: the leading directions of (K S X)^T (K S X).
  const directions = await leadingDirections(latents.columns, rank, async (columns) => {
    const v = matrix(latents.columns, rank, Float32Array.from(columns));
    const predicted = await products.times(kernel, smooth(await products.times(latents, v)));
    const back = smooth(await products.times(kernel, predicted));
    return Float64Array.from((await products.transposedTimes(latents, back)).data);
  });
  const decode = matrix(latents.columns, rank, Float32Array.from(directions));
  const dual = smooth(await products.times(latents, decode));
  return { encode: await products.transposedTimes(dual, features), decode };
}

/** Share of the variance of each group of columns that predictions explain, both centred on the mean of the fit. */
export function explained(predicted: Matrix, actual: Matrix, groups: number): number[] {
  const width = actual.columns / groups;
  const [left, total] = [new Float64Array(groups), new Float64Array(groups)];
  for (let i = 0; i < actual.data.length; i++) {
    const group = Math.floor((i % actual.columns) / width);
    left[group]! += (actual.data[i]! - predicted.data[i]!) ** 2;
    total[group]! += actual.data[i]! ** 2;
  }
  return Array.from(total, (sum, g) => 1 - left[g]! / sum);
}
