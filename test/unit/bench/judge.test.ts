import { expect, test } from 'vitest';
import { distance, reduced } from '../../../bench/embed/judge.js';

test('an image is reduced to 256 px by the mean of each square', () => {
  const side = 512;
  const image = Float32Array.from({ length: 3 * side * side }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    return channel + (y % 2) * 4 + (x % 2) * 2;
  });
  const small = reduced(image, side);
  expect(small.length).toBe(3 * 256 * 256);
  expect([...new Set(small)]).toEqual([3, 4, 5]);
  expect([small[0], small[256 * 256], small.at(-1)]).toEqual([3, 4, 5]);
});

test('the distance is the un-squared L2 norm', () => {
  expect(distance(Float32Array.of(1, 2, 3), Float32Array.of(1, 5, 7))).toBe(5);
});
