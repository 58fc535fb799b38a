/** A short run of `npm run torture`: everything accepted is accounted for after kills, partitions and bad disks. */
import { expect, test } from 'vitest';
import { torture } from '../../../bench/torture/run.js';

test('nothing is lost, doubled, corrupted or left over by a minute of blows on the real models', async () => {
  const { result, verdict } = await torture({
    minutes: 1,
    seed: 2,
    every: 5,
    clients: 3,
    generator: 'real',
  });
  const { mended, ...wrong } = verdict;
  expect(wrong).toEqual({ lost: [], doubled: [], corrupted: [], left: [] });
  // What a crash leaves is little beside what was done; more would be a leak.
  expect(mended.length).toBeLessThanOrEqual(result.kills);
  expect(result.kills).toBeGreaterThan(0);
  expect(result.ends.succeeded).toBeGreaterThan(0);
});
