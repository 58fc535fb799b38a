/** Where a projection starts. */
import { normalFrom } from '../random.js';

/** Standard deviation of a seeded start, in units of the latent's own: as the first noise of StyleGAN2's projector. */
const START_NOISE = 0.05;

/**
 * [styles, dim] flat: the average latent for every style; with a seed, plus Gaussian noise of 0.05 standard deviations,
 * so that a projection can be tried again from elsewhere.
 */
export function startLatent(
  average: readonly number[],
  std: readonly number[],
  styles: number,
  seed?: number,
): Float32Array {
  const dim = average.length;
  const latent = Float32Array.from({ length: styles * dim }, (_, i) => average[i % dim]!);
  if (seed === undefined) return latent;
  const normal = normalFrom(seed);
  return latent.map((x, i) => x + START_NOISE * std[i % dim]! * normal());
}
