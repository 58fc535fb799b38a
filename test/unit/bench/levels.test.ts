import { expect, test } from 'vitest';
import { levelsOf, type Mark, type Pair, reach, speedup } from '../../../bench/embed/levels.js';

const mark = (step: number, seconds: number, loss: number, lpips: number): Mark => ({
  step,
  seconds,
  loss,
  lpips,
});

const ours = [mark(5, 2, 9000, 0.5), mark(15, 6, 5000, 0.3), mark(25, 10, 4000, 0.28)];
const paper = [mark(20, 20, 8000, 0.45), mark(40, 40, 6000, 0.33), mark(60, 60, 5000, 0.3)];
const pair: Pair = { id: 'a', ours, paper };
const failed: Pair = { id: 'b', ours: [mark(5, 2, Number.NaN, Number.NaN)], paper };

test('a level is reached at the first mark at or below it', () => {
  expect(reach(ours, 'lpips', 0.3)).toEqual({ step: 15, seconds: 6 });
  expect(reach(ours, 'loss', 4999)).toEqual({ step: 25, seconds: 10 });
  expect(reach(ours, 'loss', 3999)).toBeUndefined();
  expect(reach(failed.ours, 'loss', 1e9)).toBeUndefined();
});

test('the speedup compares the whole run of the paper with our way to its last loss', () => {
  expect(speedup(pair)).toBe(10);
});

test('a run that never gets there has no speedup at all', () => {
  expect(speedup(failed)).toBe(0);
});

test('levels count who gets there and compare times only where both do', () => {
  const [easy, middle, hard] = levelsOf([pair, failed]);
  expect(easy).toEqual({ lpips: 0.4, oursReached: 1, paperReached: 2, speedup: 40 / 6 });
  expect(middle).toEqual({ lpips: 0.3, oursReached: 1, paperReached: 2, speedup: 10 });
  expect(hard).toEqual({ lpips: 0.25, oursReached: 0, paperReached: 0, speedup: undefined });
});
