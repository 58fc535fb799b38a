/**
 * Perceptual path length of a morph: how fast, in the eyes of VGG-16, its image changes along lambda.
 *
 * PPL = mean over t of d(G(w(t)), G(w(t + epsilon))) / epsilon^2 (Karras et al. 2019, arXiv:1812.04948, section 4.1), where
 * w(t) is the morph at lambda = t and d(x, y) = sum_i ||A_i(x) - A_i(y)||_2^2 over the layers A_i of the paper's loss. The
 * distance is squared, since only then does the quotient tend to a limit: the mean squared speed of the features.
 */
import type { Smoothness } from '../../contracts.js';

export const EPSILON = 1e-4;

/** Lambdas at which a morph is measured unless told otherwise: 64 of them give a value that differs by some 3 %. */
export const SAMPLES = 8;

/**
 * Where the steps of `epsilon` begin: evenly spread, t_k = (1 - epsilon) (k + 1/2) / samples. Seen from the other end of
 * the morph they are the same steps, so that the two latents can be swapped.
 */
export function sampledLambdas(samples: number): number[] {
  if (!Number.isInteger(samples) || samples < 1)
    throw new RangeError(`Expected a number of samples from 1 on but received ${samples}`);
  return Array.from({ length: samples }, (_, k) => ((1 - EPSILON) * (k + 0.5)) / samples);
}

/** The measure, seven significant digits: `squaredDistance` is d between the images at `from` and `to`. */
export async function perceptualPathLength(
  squaredDistance: (from: number, to: number) => Promise<number>,
  samples: number = SAMPLES,
): Promise<Smoothness> {
  let sum = 0;
  for (const t of sampledLambdas(samples)) sum += await squaredDistance(t, t + EPSILON);
  const ppl = sum / samples / EPSILON ** 2;
  if (!Number.isFinite(ppl)) throw new Error(`Expected a finite path length but received ${ppl}`);
  return { ppl: Number(ppl.toPrecision(7)), samples, epsilon: EPSILON };
}
