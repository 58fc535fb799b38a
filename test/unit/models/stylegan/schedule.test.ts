import { describe, expect, it } from 'vitest';
import { chunkAt, judgedSide, learningRate } from '../../../../src/models/stylegan/schedule.js';

const rates = (steps: number, peak: number): number[] =>
  Array.from({ length: steps }, (_, t) => learningRate(t, { steps, peak }));

describe('learningRate', () => {
  it('rises linearly over the first 10 % of the steps', () => {
    const first = rates(200, 0.05).slice(0, 20);
    first.forEach((rate, t) => {
      expect(rate).toBeCloseTo((0.05 * (t + 1)) / 20, 12);
    });
  });

  it('stays at the peak until the last half', () => {
    expect(new Set(rates(200, 0.05).slice(19, 101))).toEqual(new Set([0.05]));
  });

  it('falls along a half cosine: half the peak in the middle of the ramp, almost nothing at the end', () => {
    expect(learningRate(150, { steps: 200, peak: 1 })).toBeCloseTo(0.5, 12);
    expect(learningRate(199, { steps: 200, peak: 1 })).toBeCloseTo((1 - Math.cos(Math.PI / 100)) / 2, 12);
  });

  it('is positive and no larger than the peak for any number of steps', () => {
    for (const steps of [1, 2, 3, 7, 20, 1000]) {
      for (const rate of rates(steps, 0.05)) {
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(0.05);
      }
    }
  });

  it('is the peak at every step of a constant schedule', () => {
    const rates = [0, 1, 999, 1999].map((t) =>
      learningRate(t, { steps: 2000, peak: 0.01, schedule: 'constant' }),
    );
    expect(new Set(rates)).toEqual(new Set([0.01]));
  });

  it('refuses a step outside the schedule', () => {
    expect(() => learningRate(10, { steps: 10, peak: 1 })).toThrow('from 0 to 9 but received 10');
    expect(() => learningRate(-1, { steps: 10, peak: 1 })).toThrow(RangeError);
  });
});

describe('judgedSide', () => {
  const halves = { coarse: 0.5, side: 256 };

  it('is half the side for the coarse share of the steps, then the whole', () => {
    const sides = Array.from({ length: 10 }, (_, t) => judgedSide(t, { ...halves, steps: 10 }));
    expect(sides).toEqual([128, 128, 128, 128, 128, 256, 256, 256, 256, 256]);
  });

  it('is always the same without a coarse share, with nothing else, and for a single step', () => {
    for (const t of [0, 9]) {
      expect(judgedSide(t, { steps: 10, coarse: 0, side: 224 })).toBe(224);
      expect(judgedSide(t, { steps: 10, coarse: 1, side: 256 })).toBe(128);
    }
    expect(judgedSide(0, { ...halves, steps: 1 })).toBe(256);
  });
});

describe('chunkAt', () => {
  const sizes = { first: 5, rest: 10 };
  const halves = { coarse: 0.5, side: 256 };

  it('starts short, ends with the remainder, and never crosses the change of side', () => {
    const plan: [number, number][] = [];
    for (let t = 0; t < 43; ) {
      const { size, judgedAt } = chunkAt(t, { ...halves, steps: 43 }, sizes);
      plan.push([size, judgedAt]);
      t += size;
    }
    expect(plan).toEqual([
      [5, 128],
      [10, 128],
      [6, 128],
      [10, 256],
      [10, 256],
      [2, 256],
    ]);
  });

  it('goes on from any step, since a batch may take fewer steps than were asked for', () => {
    const from = (t: number, coarse = 0.5) => chunkAt(t, { steps: 200, coarse, side: 256 }, sizes);
    expect(from(3)).toEqual({ size: 10, judgedAt: 128 });
    expect(from(97)).toEqual({ size: 3, judgedAt: 128 });
    expect(from(97, 0)).toEqual({ size: 10, judgedAt: 256 });
    expect(from(199)).toEqual({ size: 1, judgedAt: 256 });
  });
});
