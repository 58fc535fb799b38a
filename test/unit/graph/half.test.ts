import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHalf, HALF_MAX, halved, toHalf } from '../../../src/models/graph/half.js';
import { f32 } from '../../../src/models/graph/tensor.js';

describe('half precision', () => {
  it('knows the patterns of the standard', () => {
    const patterns: [number, number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [1 / 3, 0x3555],
      [HALF_MAX, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [Number.POSITIVE_INFINITY, 0x7c00],
    ];
    for (const [number, pattern] of patterns) expect(toHalf(number)).toBe(pattern);
    expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
  });

  it('rounds to the nearest, ties to the even one, and to infinity past the end', () => {
    expect(fromHalf(toHalf(1 + 2 ** -11))).toBe(1);
    expect(fromHalf(toHalf(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
    expect(fromHalf(toHalf(1 + 2 ** -11 + 2 ** -20))).toBe(1 + 2 ** -10);
    expect(fromHalf(toHalf(2047.999))).toBe(2048);
    expect(fromHalf(toHalf(1.5 * 2 ** -24))).toBe(2 ** -23);
    expect(fromHalf(toHalf(2 ** -25))).toBe(0);
    expect(fromHalf(toHalf(65519))).toBe(HALF_MAX);
    expect(fromHalf(toHalf(-65520))).toBe(Number.NEGATIVE_INFINITY);
  });

  it('gives back every number it can hold', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (pattern) => {
        const number = fromHalf(pattern);
        if (Number.isNaN(number)) return;
        expect(toHalf(number)).toBe(pattern);
      }),
    );
  });

  it('is never off by more than half a step', () => {
    fc.assert(
      fc.property(fc.float({ min: -65000, max: 65000, noNaN: true }), (x) => {
        const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(x) || 1)) - 10));
        expect(Math.abs(fromHalf(toHalf(x)) - x)).toBeLessThanOrEqual(step / 2);
      }),
    );
  });

  it('takes a tensor element by element', () => {
    const numbers = [0.1, -3, 7e4, 2 ** -20, 1e-9, Number.NaN];
    const { dtype, shape, data } = halved(f32(numbers, [2, 3]));
    expect({ dtype, shape, data: [...data] }).toEqual({
      dtype: 'float16',
      shape: [2, 3],
      data: numbers.map(toHalf),
    });
  });
});
