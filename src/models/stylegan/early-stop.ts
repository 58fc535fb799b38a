/** Ends a projection when the loss has stopped paying. */
import { learningRate, type Rates } from './schedule.js';

/** Share of the loss that the steps left must still promise. */
const LEAST_GAIN = 0.005;
/** Share of all steps in each of the two windows whose means are compared, and the fewest steps of one. */
const WINDOW = { share: 0.05, least: 5 };
/** The rate, as a share of its peak, at which the windows may begin: from here on it only falls. */
const SETTLED = 0.5;

/**
 * Whether the steps left of the schedule would lower the loss by less than 0.5 %. `losses` are those before each step so far.
 *
 * The gain is extrapolated along a line: slope between the means of the last two windows of M steps, times the steps
 * left R. In the tail of the cosine the rate falls as R^2, and the line promises too much, never too little: where a step
 * gains as much as its rate, R^3/3 is left and the line says R^3; where the loss sinks with the rate, since large steps
 * keep it from settling, R^2 is left and the line says 2 R^2. At the peak of the rate the line knows nothing of what
 * smaller steps will bring, so that both windows must lie where the rate is at most half of it. What is given up is
 * then less than half of 0.5 %. A loss that rises has not settled either. A constant rate never settles.
 */
export function hasStoppedPaying(
  losses: readonly number[],
  { steps, schedule }: Pick<Rates, 'steps' | 'schedule'>,
): boolean {
  const left = steps - losses.length;
  const m = Math.max(WINDOW.least, Math.ceil(WINDOW.share * steps));
  const begin = losses.length - 2 * m;
  if (left <= 0 || begin < steps / 2 || learningRate(begin, { steps, schedule, peak: 1 }) > SETTLED)
    return false;
  const [before, now] = [mean(losses.slice(begin, begin + m)), mean(losses.slice(begin + m))];
  return (Math.abs(before - now) / m) * left < LEAST_GAIN * now;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
