import { expect, it } from 'vitest';
import { lambdasOf } from '../../../src/animation/timeline.js';
import { paceOf, SEGMENTS } from '../../../src/models/metrics/pace.js';

/** A way whose embedding lies at x(lambda) on a line, so that LPIPS is the squared difference. */
const along = (x: (lambda: number) => number) => async (from: number, to: number) => (x(to) - x(from)) ** 2;

it('asks for neighbours in order, each beginning where the last one ended', async () => {
  const asked: [number, number][] = [];
  await paceOf(async (from, to) => {
    asked.push([from, to]);
    return 1;
  });
  expect(asked).toEqual(Array.from({ length: SEGMENTS }, (_, i) => [i / SEGMENTS, (i + 1) / SEGMENTS]));
});

it('makes the frames of a morph that ends fast differ alike', async () => {
  const x = (lambda: number): number => Math.exp(2 * lambda);
  const pace = await paceOf(along(x));
  expect(pace.shares[0]).toBe(0);
  expect(pace.shares.at(-1)).toBe(1);
  const shown = { from: 0, to: 1, frames: 9, easing: 'linear', pingpong: false } as const;
  const unevenness = (lambdas: number[]): number => {
    const steps = lambdas.slice(1).map((lambda, i) => (x(lambda) - x(lambdas[i]!)) ** 2);
    return Math.max(...steps) / Math.min(...steps);
  };
  expect(unevenness(lambdasOf(shown))).toBeGreaterThan(20);
  expect(unevenness(lambdasOf({ ...shown, pace }))).toBeLessThan(1.7);
});

it('survives two latents that are one, and refuses what is no distance', async () => {
  const { shares } = await paceOf(async () => 0);
  expect(shares).toEqual(Array.from({ length: SEGMENTS + 1 }, (_, i) => expect.closeTo(i / SEGMENTS, 12)));
  await expect(paceOf(async () => Number.NaN)).rejects.toThrow(
    'Expected an LPIPS from 0 on but received NaN',
  );
  await expect(paceOf(async () => -1)).rejects.toThrow();
});
