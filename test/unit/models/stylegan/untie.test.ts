import { expect, it } from 'vitest';
import { untied } from '../../../../src/models/stylegan/untie.js';

it('repeats each free style for its group of consecutive layers', () => {
  const two = Float32Array.of(1, 2, 3, 4);
  expect([...untied(two, { layers: 4, dim: 2 })]).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  expect([...untied(Float32Array.of(5, 6), { layers: 3, dim: 2 })]).toEqual([5, 6, 5, 6, 5, 6]);
  expect([...untied(two, { layers: 2, dim: 2 })]).toEqual([...two]);
});
