/** Learning-rate schedule of a projection: linear ramp-up, constant peak, cosine ramp-down (as StyleGAN2's projector). */

/**
 * Share of the steps over which the rate rises. Longer than the 5 % of StyleGAN2's projector: while the face is still
 * misplaced, large steps lower the loss soonest by wiping out all contrast.
 */
const RAMP_UP = 0.1;
/** Share of the steps over which the rate falls. */
const RAMP_DOWN = 0.5;

/**
 * Learning rate of step `t` (0 .. steps-1): peak * min(1, (t+1) / (0.1 steps)) * (1 - cos(pi * min(1, (1 - t/steps) / 0.5))) / 2.
 * Always positive: the first step already moves, and the last is not wasted.
 */
export function learningRate(t: number, { steps, peak }: { steps: number; peak: number }): number {
  if (!Number.isInteger(t) || t < 0 || t >= steps) {
    throw new RangeError(`Expected a step from 0 to ${steps - 1} but received ${t}`);
  }
  const up = Math.min(1, (t + 1) / (RAMP_UP * steps));
  const down = (1 - Math.cos(Math.PI * Math.min(1, (1 - t / steps) / RAMP_DOWN))) / 2;
  return peak * up * down;
}

/** Share of the steps judged at half the side. */
const COARSE = 0.5;

/**
 * Side in pixels at which the perceptual net judges step `t`: 128 over the first half of the steps, then 256. Place, pose
 * and light show at either side, and a step at 128 costs about half. In W itself, the paper's protocol, always 256.
 */
export function judgedSide(t: number, { steps, space }: { steps: number; space: 'pn' | 'w' }): 128 | 256 {
  return space === 'pn' && t < Math.floor(COARSE * steps) ? 128 : 256;
}

/** Steps of the engine call that begins at step `t`: all of its steps are judged at one side, and the first call is short. */
export function chunkAt(
  t: number,
  schedule: { steps: number; space: 'pn' | 'w' },
  { first, rest }: { first: number; rest: number },
): { size: number; judgedAt: 128 | 256 } {
  const judgedAt = judgedSide(t, schedule);
  const most = Math.min(t === 0 ? first : rest, schedule.steps - t);
  let size = 1;
  while (size < most && judgedSide(t + size, schedule) === judgedAt) size++;
  return { size, judgedAt };
}
