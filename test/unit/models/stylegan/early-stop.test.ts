import { describe, expect, it } from 'vitest';
import { hasStoppedPaying } from '../../../../src/models/stylegan/early-stop.js';
import { learningRate } from '../../../../src/models/stylegan/schedule.js';
import { uniform } from '../../../support/run-graph.js';

/** First step at which the rule ends a run of that many steps with these losses, and the share of the loss given up. */
function outcome(steps: number, curve: readonly number[], seen: readonly number[] = curve) {
  for (let t = 1; t < steps; t++) {
    if (hasStoppedPaying(seen.slice(0, t), { steps }))
      return { stoppedAt: t, givenUp: 1 - curve[steps]! / curve[t]! };
  }
  return { stoppedAt: steps, givenUp: 0 };
}

const rate = (t: number, steps: number): number => (t < steps ? learningRate(t, { steps, peak: 1 }) : 0);
const times = (steps: number): number[] => Array.from({ length: steps + 1 }, (_, t) => t);

/** Ways in which losses fall, with the loss after the last step at the end. */
const CURVES: Readonly<Record<string, (steps: number) => number[]>> = {
  'a step gains as much as its rate': (steps) => {
    let loss = 1;
    return times(steps).map((t) => (loss -= t > 0 ? (0.6 * rate(t - 1, steps)) / steps : 0));
  },
  'large steps keep the loss from settling': (steps) => times(steps).map((t) => 1 + 0.3 * rate(t, steps)),
  'both, on a loss that falls exponentially': (steps) =>
    times(steps).map((t) => 1 + Math.exp((-4 * t) / steps) + 0.1 * rate(t, steps)),
  'nothing is left to gain': (steps) => times(steps).map(() => 5000),
};

describe('hasStoppedPaying', () => {
  describe.each(Object.entries(CURVES))('%s', (_, curve) => {
    it.each([40, 100, 200, 1000, 5000])(
      'gives up less than half a percent of the loss in %d steps',
      (steps) => {
        const { stoppedAt, givenUp } = outcome(steps, curve(steps));
        expect(givenUp).toBeLessThan(0.005);
        expect(stoppedAt).toBeGreaterThanOrEqual(0.85 * steps);
      },
    );

    it.each([1, 2, 3, 4, 5])('and likewise with noise that shrinks with the rate, seed %i', (seed) => {
      const [truth, noise] = [curve(200), uniform(201, seed)];
      const seen = truth.map((loss, t) => loss * (1 + 0.02 * noise[t]! * rate(t, 200)));
      expect(outcome(200, truth, seen).givenUp).toBeLessThan(0.005);
    });
  });

  it('leaves steps out where nothing is left to gain', () => {
    const { stoppedAt } = outcome(200, CURVES['nothing is left to gain']!(200));
    expect(stoppedAt).toBe(170);
  });

  it('never ends a plateau at the peak of the rate, where smaller steps may still help', () => {
    const plateau = times(200).map((t) => (t < 100 ? 5000 : 5000 * (0.9 + 0.1 * rate(t, 200))));
    for (let t = 1; t < 170; t++) expect(hasStoppedPaying(plateau.slice(0, t), { steps: 200 })).toBe(false);
  });

  it('never ends a run at a constant rate', () => {
    for (let t = 1; t < 200; t++) {
      const losses = times(t).map(() => 5000);
      expect(hasStoppedPaying(losses, { steps: 200, schedule: 'constant' })).toBe(false);
    }
  });

  it('goes on while the loss falls fast, and while it rises', () => {
    for (const slope of [-2, 2]) {
      const steep = times(200).map((t) => 1000 + slope * t);
      expect(outcome(200, steep).stoppedAt).toBeGreaterThan(190);
    }
  });

  it.each([1, 5, 12, 27, 39])('never ends a run of %i steps', (steps) => {
    expect(
      outcome(
        steps,
        times(steps).map(() => 1),
      ).stoppedAt,
    ).toBe(steps);
  });
});
