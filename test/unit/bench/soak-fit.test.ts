import { describe, expect, test } from 'vitest';
import { floors, type Sample, slopeOf } from '../../../bench/soak/fit.js';
import { uniformFrom } from '../../../src/models/random.js';

/** 30 minutes, a look every 5 s: a floor that grows, garbage that comes and goes, and a burst now and then. */
function samples(mebibytesAnHour: number, seed: number): Sample[] {
  const random = uniformFrom(seed);
  return Array.from({ length: 360 }, (_, i) => {
    const at = 5 * i;
    const sawTooth = 40 * ((at % 23) / 23);
    const burst = random() < 0.03 ? 100 * random() : 0;
    return { at, value: 150 + (mebibytesAnHour * at) / 3600 + sawTooth + burst + 0.2 * random() };
  });
}

describe('the slope of memory', () => {
  test.each([0, 2, 20, -5])('of %d MiB an hour is found in the noise of half an hour', (wanted) => {
    for (const seed of [1, 2, 3]) {
      const { perHour, least, most } = slopeOf(floors(samples(wanted, seed), 60));
      expect(Math.abs(perHour - wanted)).toBeLessThan(0.7);
      expect(least).toBeLessThanOrEqual(perHour);
      expect(most).toBeGreaterThanOrEqual(perHour);
    }
  });

  test('of a leak of 2 MiB an hour is told from none', () => {
    for (const seed of [1, 2, 3]) {
      expect(slopeOf(floors(samples(2, seed), 60)).least).toBeGreaterThan(0);
      expect(slopeOf(floors(samples(0, seed), 60)).least).toBeLessThan(0.5);
    }
  });

  test('needs three samples', () => {
    expect(() => slopeOf([{ at: 0, value: 1 }])).toThrow('at least three');
  });
});
