/**
 * Notices a projection that goes wrong, and says how to go on. Two ways of going wrong are seen besides a loss that is no
 * number. The loss may rise and stay up. Or it falls while the image fades to an even grey: a face out of place costs
 * un-squared feature norms more than no face at all, and from there no small step leads back.
 */
import type { RECOVERY_CAUSES } from '../contracts.js';

export type Cause = (typeof RECOVERY_CAUSES)[number];

/** Times that a projection is taken back before it is given up. */
export const MOST_RECOVERIES = 3;

/** Chunks in a row that must look bad: at the peak of the rate single ones do, and come back. */
const PATIENCE = 2;
/**
 * Share of the photo's contrast below which an image is fading. Healthy projections stay above 0.4, even on the way up
 * from an average face; faded ones end at 0.07 to 0.15.
 */
const FADED = 0.25;
/** Mean loss of a chunk, over the lowest so far, above which the loss has risen: at the peak of the rate it varies by 5 %. */
const RISEN = 1.25;
/** A latent to come back to has at least this contrast, and at most this loss over the lowest so far. */
const GOOD = { contrast: 0.4, loss: 1.1 };
/** What a recovery makes of the rate and of the prior. A prior of nothing becomes the least. */
const GENTLER = { rate: 0.4, prior: 2, leastPrior: 50 };

/** What was seen of a chunk of steps, all finite. */
export interface Sight {
  /** Loss before each step; at least one. */
  losses: readonly number[];
  /** Of the latest image, as a share of the photo's. */
  contrast: number;
}

/** What is remembered from chunk to chunk. */
export interface Watch {
  /** Lowest mean loss of a chunk so far. */
  readonly lowest: number;
  /** Bad chunks in a row, the latest among them. */
  readonly bad: number;
}

export const NOTHING_SEEN: Watch = { lowest: Number.POSITIVE_INFINITY, bad: 0 };

/**
 * Looks at the next chunk. `cause` is set when the projection goes wrong: after two bad chunks in a row, or one that is the
 * last. `good` tells that its latest latent is worth coming back to.
 */
export function look(
  watch: Watch,
  { losses, contrast }: Sight,
  { last }: { last: boolean },
): { watch: Watch; good: boolean; cause?: Cause } {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const lowest = Math.min(watch.lowest, mean);
  const signs: Cause[] = [];
  if (contrast < FADED) signs.push('contrast');
  if (mean > RISEN * watch.lowest) signs.push('loss');
  const [cause] = signs;
  const bad = cause ? watch.bad + 1 : 0;
  const good = contrast >= GOOD.contrast && mean <= GOOD.loss * lowest;
  return { watch: { lowest, bad }, good, ...(cause && (last || bad >= PATIENCE) && { cause }) };
}

/** Peak rate, and weight of the prior. */
export interface Pace {
  rate: number;
  prior: number;
}

/** The pace after a recovery. A prior needs a space that has one: in W it stays nothing. */
export function gentler({ rate, prior }: Pace, { hasPrior }: { hasPrior: boolean }): Pace {
  return {
    rate: GENTLER.rate * rate,
    prior: hasPrior ? Math.max(GENTLER.prior * prior, GENTLER.leastPrior) : 0,
  };
}

/** Whether the recovery that follows `made` others goes back to the very start: the last one does, whatever was good. */
export const startsAnew = (made: number): boolean => made >= MOST_RECOVERIES - 1;
