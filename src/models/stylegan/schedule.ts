/** How the rate and the judged side of a projection change from step to step. */

/** `ramp`: linear ramp-up, constant peak, cosine ramp-down (as StyleGAN2's projector); `constant`: as in the paper. */
export type RateSchedule = 'ramp' | 'constant';

/**
 * Share of the steps over which the rate rises. Longer than the 5 % of StyleGAN2's projector: while the face is still
 * misplaced, large steps lower the loss soonest by wiping out all contrast.
 */
const RAMP_UP = 0.1;
/** Share of the steps over which the rate falls. */
const RAMP_DOWN = 0.5;

export interface Rates {
  steps: number;
  peak: number;
  /** Left out: `ramp`. */
  schedule?: RateSchedule | undefined;
}

/**
 * Learning rate of step `t` (0 .. steps-1): the peak, or with a ramp
 * peak * min(1, (t+1) / (0.1 steps)) * (1 - cos(pi * min(1, (1 - t/steps) / 0.5))) / 2.
 * Always positive: the first step already moves, and the last is not wasted.
 */
export function learningRate(t: number, { steps, peak, schedule = 'ramp' }: Rates): number {
  if (!Number.isInteger(t) || t < 0 || t >= steps) {
    throw new RangeError(`Expected a step from 0 to ${steps - 1} but received ${t}`);
  }
  if (schedule === 'constant') return peak;
  const up = Math.min(1, (t + 1) / (RAMP_UP * steps));
  const down = (1 - Math.cos(Math.PI * Math.min(1, (1 - t / steps) / RAMP_DOWN))) / 2;
  return peak * up * down;
}

/** Where the perceptual net judges. */
export interface Sides {
  steps: number;
  /** Share of the steps, the first ones, that are judged at half the side, 0 to 1. */
  coarse: number;
  /** Side in pixels of the others. */
  side: number;
}

/**
 * Side in pixels at which the perceptual net judges step `t`. Place, pose and light of a face show at half the side as
 * well, and a step there costs about half.
 */
export function judgedSide(t: number, { steps, coarse, side }: Sides): number {
  return t < Math.floor(coarse * steps) ? side / 2 : side;
}

/** Steps of the engine call that begins at step `t`: all of its steps are judged at one side, and the first call is short. */
export function chunkAt(
  t: number,
  sides: Sides,
  { first, rest }: { first: number; rest: number },
): { size: number; judgedAt: number } {
  const judgedAt = judgedSide(t, sides);
  const most = Math.min(t === 0 ? first : rest, sides.steps - t);
  let size = 1;
  while (size < most && judgedSide(t + size, sides) === judgedAt) size++;
  return { size, judgedAt };
}
