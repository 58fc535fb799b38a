import { describe, expect, it } from 'vitest';
import { saturation } from '../../../../bench/quality/judge.js';
import {
  comesNearer,
  isMonotone,
  LAMBDAS,
  type PairResult,
  pairsOf,
} from '../../../../bench/quality/pairs.js';
import { hasDiverged, type PhotoResult } from '../../../../bench/quality/photo.js';
import { report, summaryOf } from '../../../../bench/quality/report.js';
import { uniqueIds } from '../../../../bench/quality/source.js';

const falling = LAMBDAS.map((lambda) => 1 - lambda);

describe('pairs of photos', () => {
  it('begin with neighbours, round the list, and name no pair twice', () => {
    expect(pairsOf(4, 5)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
      [0, 2],
    ]);
    for (const n of [1, 2, 3, 6, 7]) {
      const all = pairsOf(n, Number.POSITIVE_INFINITY);
      const names = all.map((pair) => pair.toSorted((a, b) => a - b).join());
      expect([all.length, new Set(names).size]).toEqual([(n * (n - 1)) / 2, (n * (n - 1)) / 2]);
      expect(all.every(([a, b]) => a !== b)).toBe(true);
    }
  });

  it('are monotone where the way leads from b to a only, standing still allowed', () => {
    expect(isMonotone(falling, [...LAMBDAS])).toBe(true);
    expect(isMonotone([1, 1, 0], [0, 1, 1])).toBe(true);
    expect(isMonotone([1, 0, 0.001], [0, 1, 1])).toBe(false);
    expect(isMonotone([1, 0.5, 0], [0, 1, 0.99])).toBe(false);
  });

  it('comes nearer to a than to b, though both distances may wander', () => {
    expect(comesNearer([0.8, 0.81, 0.3], [0.3, 0.7, 0.69])).toBe(true);
    expect(comesNearer([0.8, 0.81, 0.3], [0.3, 0.7, 0.2])).toBe(false);
    expect(comesNearer([0.8, 0.4, 0.5], [0.3, 0.7, 0.7])).toBe(false);
  });
});

describe('a run has diverged', () => {
  const good = { ended: true, lpips: 0.2, averageLpips: 0.6, curve: [{ step: 30, lpips: 0.4 }] };
  it.each([
    ['no', good, false],
    ['when it has no finite loss', { ended: false }, true],
    ['when it ends above 0.7 of the average face', { lpips: 0.43 }, true],
    ['when it ends without a number', { lpips: Number.NaN }, true],
    ['when it is worse than the average face from step 20 on', { curve: [{ step: 20, lpips: 0.61 }] }, true],
    ['not when it is so before', { curve: [{ step: 19, lpips: 0.9 }] }, false],
  ])('%s', (_title, patch, expected) => {
    expect(hasDiverged({ ...good, ...patch })).toBe(expected);
  });
});

const photo = (id: string, patch: Partial<PhotoResult> = {}): PhotoResult => ({
  id,
  seconds: 10,
  steps: 20,
  diverged: false,
  perceptual: 1,
  loss: 1,
  lpips: 0.1,
  mse: 0.01,
  identity: 0.3,
  pnMean: 2,
  pnMax: 3,
  firstPreview: 1.5,
  averageLpips: 0.6,
  curve: [],
  losses: [],
  warnings: [],
  ...patch,
});

const pair = (patch: Partial<PairResult> = {}): PairResult => ({
  a: 'x',
  b: 'y',
  mode: 'linear',
  ppl: 100,
  toA: falling,
  toB: [...LAMBDAS],
  toMadeA: falling,
  toMadeB: [...LAMBDAS],
  pn: LAMBDAS.map(() => 2),
  saturation: LAMBDAS.map((lambda) => lambda / 100),
  ...patch,
});

describe('the summary', () => {
  const photos = [photo('x'), photo('y', { lpips: 0.3, identity: 0.5, seconds: 30, diverged: true })];
  const pairs = [
    pair(),
    pair({ toA: [...LAMBDAS], ppl: 300 }),
    pair({ mode: 'style', pn: LAMBDAS.map((l) => l * 9) }),
  ];

  it('has means, extremes and shares', () => {
    const summary = summaryOf(photos, pairs);
    expect(summary).toMatchObject({
      lpipsMax: 0.3,
      identityMax: 0.5,
      pnMean: 2,
      seconds: 20,
      diverged: 1,
      monotonePairs: 0.5,
      monotonePairsMade: 1,
    });
    expect(summary.lpipsMean).toBeCloseTo(0.2, 12);
    expect(summary.modes).toMatchObject([
      { mode: 'linear', pairs: 2, pplMean: 200, saturationWorst: 0.01 },
      { mode: 'style', pairs: 1, pnWorst: 9 },
    ]);
  });

  it('leaves open what no pair tells, and can be written as JSON and as a table', () => {
    expect(summaryOf(photos, []).monotonePairs).toBeNull();
    const run = { source: 'tuning', preset: 'draft', options: {}, cached: 1, sheet: undefined, machine: 'm' };
    const { text, json } = report({ ...run, photos, pairs });
    expect(text).toMatch(/^y +0\.300 .* diverged$/m);
    expect(text).toMatch(/^all +linear +2\.00e\+2/m);
    expect(JSON.parse(JSON.stringify(json))).toMatchObject({
      bench: 'quality',
      diverged: 1,
      preset: 'draft',
    });
  });
});

it('channel saturation is the share of values that are clipped', () => {
  expect(saturation(Float32Array.of(-1.1, -1, 0, 1, 1.2, 3))).toBe(0.5);
});

it('files of one name get ids of their own', () => {
  expect(uniqueIds(['A b.jpg', 'a_b.png', 'c.webp'])).toEqual(['a_b', 'a_b_2', 'c']);
});
