/** The mask of one image out of the map. */
import { expect, test } from 'vitest';
import type { RegionPart } from '../../../src/contracts.js';
import { PART_SIZE, type RegionMap } from '../../../src/models/regions/map.js';
import { regionMask } from '../../../src/models/regions/mask.js';

const of = (first: number, second: number): Float32Array => {
  const mask = new Float32Array(PART_SIZE);
  [mask[0], mask[1]] = [first, second];
  return mask;
};
const map: RegionMap = new Map<RegionPart, Float32Array>([
  ['eyes', of(1, 0.25)],
  ['mouth', of(0.5, 0.75)],
]);

test('takes from each place the part that takes most there', () => {
  expect([...regionMask(map, ['eyes', 'mouth'], 0).subarray(0, 3)]).toEqual([1, 0.75, 0]);
  expect(regionMask(map, ['mouth', 'eyes'], 0)).toEqual(regionMask(map, ['eyes', 'mouth'], 0));
  expect(regionMask(map, ['eyes'], 0)).toEqual(map.get('eyes'));
});

test('lambda is what stays: at 1 nothing is taken', () => {
  expect([...regionMask(map, ['eyes'], 0.5).subarray(0, 2)]).toEqual([0.5, 0.125]);
  expect(regionMask(map, ['eyes', 'mouth'], 1)).toEqual(new Float32Array(PART_SIZE));
});

test('leaves the map as it is', () => {
  regionMask(map, ['eyes', 'mouth'], 0.3);
  expect(map.get('eyes')).toEqual(of(1, 0.25));
});

test.each([
  ['no part', [], 0, /at least one part/],
  ['a part that the map lacks', ['hair'], 0, /one of eyes, mouth but received hair/],
  ['lambda above 1', ['eyes'], 1.1, /lambda in 0..1 but received 1.1/],
  ['lambda NaN', ['eyes'], Number.NaN, /NaN/],
] as [string, RegionPart[], number, RegExp][])('refuses %s', (_, parts, lambda, message) => {
  expect(() => regionMask(map, parts, lambda)).toThrow(message);
});
