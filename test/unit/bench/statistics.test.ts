import { expect, test } from 'vitest';
import { largestDifference, median } from '../../../bench/statistics.js';

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([9, 1, 2])).toBe(2);
  expect(median([9, 1, 2, 4])).toBe(3);
  expect(() => median([])).toThrow('at least one value');
});

test('the largest difference is relative and does not pass over what is no number', () => {
  expect(largestDifference([100, 101], [100, 100])).toBeCloseTo(0.01, 12);
  expect(largestDifference([90, 101], [100, 100])).toBeCloseTo(0.1, 12);
  expect(() => largestDifference([1], [1, 2])).toThrow('Expected 2 values but received 1');
  expect(() => largestDifference([1, Number.NaN], [1, 2])).toThrow('Expected numbers at 1');
});
