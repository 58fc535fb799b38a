import { describe, expect, it } from 'vitest';
import { pnNorms } from '../../../src/models/metrics/pn.js';
import { reduced } from '../../../src/models/metrics/reduce.js';

describe('P_N norms', () => {
  it('are root mean squares, one for each style', () => {
    const { mean, max, perStyle } = pnNorms(Float32Array.of(1, -1, 1, 1, 3, 4, 0, 5), 2);
    expect(perStyle).toEqual([1, Math.sqrt(50 / 4)]);
    expect(max).toBe(perStyle[1]);
    expect(mean).toBeCloseTo((1 + Math.sqrt(12.5)) / 2, 12);
  });

  it.each([0, 7])('are refused for %i values of 2 styles', (n) => {
    expect(() => pnNorms(new Float32Array(n), 2)).toThrow('Expected the coordinates of 2 styles');
  });
});

describe('an image reduced', () => {
  it('holds the means of squares, channel by channel', () => {
    const image = Float32Array.from({ length: 48 }, (_, i) => i);
    const expected = [2.5, 4.5, 10.5, 12.5];
    expect([...reduced(image, 2)]).toEqual([0, 16, 32].flatMap((c) => expected.map((x) => x + c)));
  });

  it('is refused where the side is no multiple', () => {
    expect(() => reduced(new Float32Array(48), 3)).toThrow('whose side 3 divides');
  });
});
