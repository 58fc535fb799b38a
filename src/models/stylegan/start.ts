/** Where a projection starts. */
import { normalFrom } from '../random.js';
import { latentFrom, preactivationOf } from './latent-space.js';

/** Standard deviation of a seeded start, in units of the latent's own: as the first noise of StyleGAN2's projector. */
const START_NOISE = 0.05;

/** The average latent [dim] for every one of `styles` styles, flat. */
export const averageStart = (average: readonly number[], styles: number): Float32Array =>
  Float32Array.from({ length: styles * average.length }, (_, i) => average[i % average.length]!);

/**
 * A latent [layers, dim] with one style for each group of equally many layers: [styles, dim], their mean in P_N. That is
 * their mean in x, of which the coordinates in P_N are an affine map (see latent-space.ts).
 */
export function tied(latent: Float32Array, dim: number, styles: number): Float32Array {
  const group = latent.length / dim / styles;
  const means = new Float64Array(styles * dim);
  for (let i = 0; i < latent.length; i++)
    means[Math.floor(i / dim / group) * dim + (i % dim)]! += preactivationOf(latent[i]!) / group;
  return Float32Array.from(means, latentFrom);
}

/**
 * Plus Gaussian noise of 0.05 standard deviations [dim] by a seed, so that a projection can be tried again from
 * elsewhere; without a seed unchanged.
 */
export function seeded(latent: Float32Array, std: readonly number[], seed: number | undefined): Float32Array {
  if (seed === undefined) return latent;
  const normal = normalFrom(seed);
  return latent.map((x, i) => x + START_NOISE * std[i % std.length]! * normal());
}
