/**
 * How fast a morph changes in the eyes of LPIPS, for animations whose neighbouring frames differ alike.
 *
 * For near images LPIPS is a squared distance of embeddings (stylegan/lpips.ts), so that its roots add up along a way: the
 * length of the way up to lambda is the sum of sqrt(LPIPS) between neighbouring samples. Frames at equal lengths then have
 * equal LPIPS.
 */
import type { Pace } from '../../contracts.js';

/** Parts in which a morph is measured. */
export const SEGMENTS = 8;

/** LPIPS below this is rounding: two equal latents have no way between them. */
const LEAST = 1e-6;

/** `lpips` is asked for neighbours in rising order, each time from where it was last asked to. */
export async function paceOf(lpips: (from: number, to: number) => Promise<number>): Promise<Pace> {
  const lambdas = Array.from({ length: SEGMENTS + 1 }, (_, i) => i / SEGMENTS);
  const lengths = [0];
  for (let i = 1; i <= SEGMENTS; i++) {
    const distance = await lpips(lambdas[i - 1]!, lambdas[i]!);
    if (!Number.isFinite(distance) || distance < 0)
      throw new Error(`Expected an LPIPS from 0 on but received ${distance}`);
    lengths.push(lengths.at(-1)! + Math.sqrt(Math.max(LEAST, distance)));
  }
  return { lambdas, shares: lengths.map((length) => length / lengths.at(-1)!) };
}
