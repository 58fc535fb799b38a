/** The prior on the latent: how strongly a projection is held near the generator's own latents. */

/** Weight at an editability of 1. The perceptual loss beside it, a sum of un-squared norms, is some 5,000. */
const STRONGEST = 400;

/**
 * Weight lambda of the prior lambda mean(p^2), p [styles,512] being the latent in P_N, for an editability from 0 to 1:
 * lambda = 400 editability^2. Source: Zhu et al. 2020, Improved StyleGAN Embedding, section 3.2, where the term stands
 * beside mean distances and weighs 0.001. Its square root is the P_N norm that the quality of a result reports, whose
 * spread is floored alike (0.1 in quadrature); its reference, p = 0, is the mean of the generator's latents. Throws outside
 * the range.
 */
export function priorWeight(editability: number): number {
  if (!(editability >= 0 && editability <= 1))
    throw new RangeError(`Expected an editability from 0 to 1 but received ${editability}`);
  return STRONGEST * editability ** 2;
}
