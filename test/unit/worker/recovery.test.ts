import { describe, expect, it } from 'vitest';
import { learningRate } from '../../../src/models/stylegan/schedule.js';
import { gentler, look, MOST_RECOVERIES, NOTHING_SEEN, startsAnew } from '../../../src/worker/recovery.js';
import { uniform } from '../../support/run-graph.js';

/** Loss and contrast at step `t`. */
type Curve = (t: number) => { loss: number; contrast: number };

const STEPS = 200;
const CHUNK = 10;

/** Where a run with this curve is taken back, and why; undefined where it never is. */
function outcome(curve: Curve, steps = STEPS): { step: number; cause: string } | undefined {
  let watch = NOTHING_SEEN;
  for (let t = 0; t < steps; ) {
    const size = Math.min(t === 0 ? 1 : CHUNK, steps - t);
    const losses = Array.from({ length: size }, (_, i) => curve(t + i).loss);
    t += size;
    const { contrast } = curve(t - 1);
    const seen = look(watch, { losses, contrast }, { last: t === steps });
    if (seen.cause) return { step: t, cause: seen.cause };
    watch = seen.watch;
  }
  return undefined;
}

const rate = (t: number, peak = 1): number => learningRate(t, { steps: STEPS, peak });
const noise = uniform(STEPS, 4);

const HEALTHY: Readonly<Record<string, Curve>> = {
  'falls with noise that grows with the rate': (t) => ({
    loss: (5500 + 5500 * Math.exp(-t / 40)) * (1 + 0.08 * noise[t]! * rate(t)),
    contrast: 0.8 + 0.15 * noise[t]!,
  }),
  'rises by a fifth while the rate rises, from a near start': (t) => ({
    loss: 6000 * (1 + 0.2 * rate(t)) - 10 * t,
    contrast: 0.6,
  }),
  'loses its contrast for a moment while the rate rises': (t) => ({
    loss: 9000 - 15 * t,
    contrast: t < 10 ? 0.22 : 0.7,
  }),
  'jumps once': (t) => ({ loss: t >= 60 && t < 65 ? 12_000 : 7000, contrast: 0.7 }),
  'stays flat': () => ({ loss: 7000, contrast: 0.45 }),
  'falls when it is judged at the whole side': (t) => ({ loss: t < 100 ? 8000 : 6500, contrast: 0.7 }),
};

/** With the latest chunk at which it must be noticed. */
const WRONG: Readonly<Record<string, { curve: Curve; cause: string; by: number }>> = {
  // As measured in W at a rate of 0.05 from the average latent.
  'fades to grey in the first steps, while the loss falls': {
    curve: (t) => ({ loss: 7500 + 1600 * Math.exp(-t / 2), contrast: t < 3 ? 0.6 : 0.1 }),
    cause: 'contrast',
    by: 21,
  },
  'fades to grey slowly': {
    curve: (t) => ({ loss: 9000 - 20 * t, contrast: Math.max(0.08, 0.8 - 0.01 * t) }),
    cause: 'contrast',
    by: 81,
  },
  'rises and stays up': {
    curve: (t) => ({ loss: t < 50 ? 9000 - 40 * t : 9500, contrast: 0.7 }),
    cause: 'loss',
    by: 81,
  },
  'rises without end': {
    curve: (t) => ({ loss: 8000 * 1.02 ** t, contrast: 0.9 }),
    cause: 'loss',
    by: 41,
  },
  'rises in the very last chunk': {
    curve: (t) => ({ loss: t < 191 ? 6000 : 12_000, contrast: 0.9 }),
    cause: 'loss',
    by: 200,
  },
};

describe('a projection whose loss', () => {
  it.each(Object.entries(HEALTHY))('%s is left alone', (_, curve) => {
    expect(outcome(curve)).toBeUndefined();
  });

  it.each(Object.entries(WRONG))('%s is taken back', (_, { curve, cause, by }) => {
    const seen = outcome(curve);
    expect(seen?.cause).toBe(cause);
    expect(seen!.step).toBeLessThanOrEqual(by);
  });

  it('belongs to one or a few steps alone is left alone', () => {
    for (const steps of [1, 2, 5]) expect(outcome(HEALTHY['stays flat']!, steps)).toBeUndefined();
  });
});

describe('look', () => {
  const seen = (losses: number[], contrast: number, watch = NOTHING_SEEN) =>
    look(watch, { losses, contrast }, { last: false });

  it('calls a latent good that has contrast and is near the lowest loss', () => {
    const { watch } = seen([1000, 1000], 0.9);
    expect(seen([1050], 0.9, watch).good).toBe(true);
    expect(seen([1150], 0.9, watch).good).toBe(false);
    expect(seen([1000], 0.3, watch).good).toBe(false);
  });

  it('forgets a bad chunk after one that is not', () => {
    let { watch } = seen([1000], 0.1);
    watch = seen([1000], 0.5, watch).watch;
    expect(seen([1000], 0.1, watch).cause).toBeUndefined();
  });
});

describe('gentler', () => {
  it('lowers the rate and strengthens the prior, which becomes something where there was none', () => {
    const once = gentler({ rate: 0.25, prior: 0 }, { hasPrior: true });
    const twice = gentler(once, { hasPrior: true });
    expect(once.rate).toBeCloseTo(0.1, 12);
    expect(twice.rate).toBeCloseTo(0.04, 12);
    expect(once.prior).toBeGreaterThan(0);
    expect(twice.prior).toBeGreaterThan(once.prior);
  });

  it('knows no prior in W', () => {
    expect(gentler({ rate: 0.05, prior: 0 }, { hasPrior: false }).prior).toBe(0);
  });
});

describe('startsAnew', () => {
  it('holds for the last recovery alone', () => {
    const each = Array.from({ length: MOST_RECOVERIES }, (_, made) => startsAnew(made));
    expect(each).toEqual([false, false, true]);
  });
});
