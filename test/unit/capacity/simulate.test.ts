import { describe, expect, test } from 'vitest';
import { around, type Durations } from '../../../src/capacity/durations.js';
import { simulate, type Workload } from '../../../src/capacity/simulate.js';
import { mean, quantile } from '../../../src/capacity/statistics.js';

const JOBS = 400_000;
/** Of the simulated value to the formula's, at 400,000 jobs; the seeds are fixed, so that it either holds or not. */
const WITHIN = 0.04;

const exponential = (mean: number): Durations => ({
  mean,
  draw: (uniform) => -mean * Math.log(1 - uniform()),
});
const fixed = (seconds: number): Durations => around(seconds, 0);
const alone = (perSecond: number, seconds: Workload['seconds']): Workload => ({
  perSecond,
  seconds,
  batch: 1,
  batchCost: 1,
});

function expectNear(received: number, expected: number, within = WITHIN): void {
  expect(Math.abs(received / expected - 1), `${received} for ${expected}`).toBeLessThan(within);
}

/** Probability that a job waits before c servers with a load of a (A. K. Erlang 1917). */
function erlangC(c: number, a: number): number {
  let blocking = 1;
  for (let n = 1; n <= c; n++) blocking = (a * blocking) / (n + a * blocking);
  return blocking / (1 - (a / c) * (1 - blocking));
}

describe('waiting before workers of one job each', () => {
  test.each([
    [1, 0.5],
    [1, 0.8],
    [3, 0.7],
    [8, 0.9],
    [20, 0.85],
  ])('is that of Erlang C: %i workers at a load of %f each', (workers, load) => {
    const mu = 0.01;
    const perSecond = workers * load * mu;
    const { waits, stays, utilisation } = simulate(alone(perSecond, exponential(1 / mu)), {
      workers,
      jobs: JOBS,
      seed: 7,
    });
    const waiting = erlangC(workers, perSecond / mu);
    const drain = workers * mu - perSecond;
    expectNear(waits.filter((wait) => wait > 0).length / JOBS, waiting);
    expectNear(mean(waits), waiting / drain);
    expectNear(mean(stays), waiting / drain + 1 / mu);
    expectNear(quantile(waits, 0.95), Math.log(waiting / 0.05) / drain, 0.06);
    expectNear(utilisation, load, 0.01);
  });

  test.each([0.3, 0.6, 0.9])('is that of M/D/1 at a load of %f', (load) => {
    const seconds = 120;
    const { waits, utilisation } = simulate(alone(load / seconds, fixed(seconds)), {
      workers: 1,
      jobs: JOBS,
      seed: 11,
    });
    // Pollaczek and Khinchine, for jobs of one length.
    expectNear(mean(waits), (load * seconds) / (2 * (1 - load)));
    expectNear(waits.filter((wait) => wait > 0).length / JOBS, load, 0.01);
    expectNear(utilisation, load, 0.01);
  });
});

describe('jobs that share a worker', () => {
  const share = (seconds: Workload['seconds'], batchCost: number): Workload => ({
    perSecond: 0.007,
    seconds,
    batch: Number.MAX_SAFE_INTEGER,
    batchCost,
  });
  const options = { workers: 1, jobs: JOBS, seed: 3 };

  test.each([
    ['exponential', exponential(100)],
    ['equal', fixed(100)],
  ])('with nothing gained stay as long as processor sharing says, for %s jobs', (_name, seconds) => {
    const { waits, stays } = simulate(share(seconds, 1), options);
    // The mean depends on the mean of the jobs alone (Kleinrock, Queueing Systems II, 4.4).
    expectNear(mean(stays), 100 / (1 - 0.7));
    expect(Math.max(...waits.slice(0, 1_000))).toBe(0);
  });

  test('at no cost never delay one another', () => {
    const { stays } = simulate(share(fixed(100), 0), options);
    expect(quantile(stays, 1)).toBeCloseTo(100, 6);
  });
});

test('more workers never make a job wait longer, and the seed decides everything', () => {
  const workload = alone(0.025, exponential(100));
  const waits = (workers: number, seed = 5) => simulate(workload, { workers, jobs: 5_000, seed }).waits;
  const [three, four] = [waits(3), waits(4)];
  expect(three.every((wait, i) => wait >= four[i]! - 1e-6)).toBe(true);
  expect(waits(3)).toEqual(three);
  expect(waits(3, 6)).not.toEqual(three);
});

test('refuses work that comes in faster than it can be done', () => {
  const workload = { ...alone(0.05, fixed(100)), batch: 4, batchCost: 0.5 };
  const options = { jobs: 1_000, seed: 1 };
  // Four together take 2.5 times as long as one: 3.1 workers' worth.
  expect(() => simulate(workload, { ...options, workers: 3 })).toThrow(/more than 3\.\d+ workers/);
  expect(simulate(workload, { ...options, workers: 4 }).utilisation).toBeLessThan(1);
});
