import { expect, test } from 'vitest';
import { around, type Durations, mixture } from '../../../src/capacity/durations.js';
import { mean } from '../../../src/capacity/statistics.js';
import { uniformFrom } from '../../../src/models/random.js';

const drawn = ({ draw }: Durations, count = 200_000): number[] => {
  const uniform = uniformFrom(4);
  return Array.from({ length: count }, () => draw(uniform));
};

test('durations without spread are all alike; with it they have its mean and deviation', () => {
  expect(new Set(drawn(around(120, 0), 10))).toEqual(new Set([120]));
  const values = drawn(around(120, 0.25));
  expect(mean(values)).toBeCloseTo(120, 0);
  expect(Math.sqrt(mean(values.map((value) => (value - 120) ** 2)))).toBeCloseTo(30, 0);
  expect(Math.min(...values.slice(0, 10_000))).toBeGreaterThan(0);
});

test('a mixture draws each kind as often as its share says, of whatever sum', () => {
  const kinds = mixture([
    { share: 3, durations: around(12, 0) },
    { share: 1, durations: around(120, 0) },
  ]);
  expect(kinds.mean).toBe(39);
  const values = drawn(kinds);
  expect(values.filter((value) => value === 12).length / values.length).toBeCloseTo(0.75, 2);
  expect(new Set(values)).toEqual(new Set([12, 120]));
});
