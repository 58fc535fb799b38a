import { describe, expect, it } from 'vitest';
import type { Point } from '../../../src/contracts.js';
import { areaOf, isPlausible, overlap, suppress, within } from '../../../src/models/face/boxes.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

const box = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });

describe('overlap', () => {
  it('is the intersection over the union', () => {
    expect(overlap(box(0, 0, 10, 10), box(0, 0, 10, 10))).toBe(1);
    expect(overlap(box(0, 0, 10, 10), box(5, 0, 10, 10))).toBeCloseTo(1 / 3);
    expect(overlap(box(0, 0, 10, 10), box(2, 2, 5, 5))).toBeCloseTo(0.25);
    expect(overlap(box(0, 0, 10, 10), box(10, 0, 10, 10))).toBe(0);
  });
});

describe('within', () => {
  it('cuts a box at the border of the picture', () => {
    const picture = { width: 100, height: 50 };
    expect(within(box(-5, 10, 20, 20), picture)).toEqual(box(0, 10, 15, 20));
    expect(within(box(90, 40, 20, 20), picture)).toEqual(box(90, 40, 10, 10));
    expect(areaOf(within(box(120, 0, 20, 20), picture))).toBe(0);
  });
});

describe('suppress', () => {
  it('keeps the best of boxes on one face, and every face', () => {
    const found = [
      { box: box(1, 0, 10, 10), score: 0.7 },
      { box: box(0, 0, 10, 10), score: 0.9 },
      { box: box(30, 0, 10, 10), score: 0.6 },
      { box: box(0, 1, 10, 10), score: 0.8 },
    ];
    expect(suppress(found, 0.5).map(({ score }) => score)).toEqual([0.9, 0.6]);
  });
});

describe('isPlausible', () => {
  const landmarks = moved(syntheticLandmarks(), 0, 1, [100, 80]);
  const face = { box: box(0, 0, 200, 240), landmarks };

  it.each([0, 30, -45, 90, 180])('accepts a face turned by %i degrees', (degrees) => {
    expect(isPlausible({ ...face, landmarks: moved(syntheticLandmarks(), degrees, 1, [100, 80]) })).toBe(
      true,
    );
  });

  it('refuses a box that is too small to work with', () => {
    expect(isPlausible({ box: box(0, 0, 18, 22), landmarks: moved(landmarks, 0, 0.1, [0, 0]) })).toBe(false);
  });

  it('refuses a box that is long and thin', () => {
    expect(isPlausible({ ...face, box: box(0, 0, 60, 240) })).toBe(false);
  });

  it('refuses eyes that fall together', () => {
    expect(
      isPlausible({ ...face, landmarks: landmarks.map(([x, y]): Point => [100 + (x - 100) * 0.1, y]) }),
    ).toBe(false);
  });

  it('refuses a mouth above the eyes of an otherwise upright face', () => {
    expect(isPlausible({ ...face, landmarks: landmarks.map(([x, y]): Point => [x, 240 - y]) })).toBe(false);
  });
});
