/** Workers and engines that die or stand still in the middle of a job. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LONG } from '../../support/fleet/fleet-client.js';
import { leftovers } from '../../support/fleet/leftovers.js';
import { useFleet } from '../../support/fleet/room.js';

const room = useFleet({
  workers: [
    ['embed', 'render', 'upkeep'],
    ['embed', 'upkeep'],
  ],
});
/** Seconds within which a job whose worker is gone must be worked on again. */
const RECOVERY = 60;

const attempt = async (id: string): Promise<number> =>
  Number(await room.redis.hget(`latentmorph:embedding:${id}`, 'attempt'));

/** Of the worker that only embeds: one at most. */
const engines = (): Promise<number[]> => room.fleet.workers[1]!.children();

/** Only this worker takes photos: the other one starts after it has begun. */
async function begunBy(first: number): Promise<{ id: string; other: () => Promise<void> }> {
  const { fleet, client } = room;
  const other = fleet.workers[1 - first]!;
  await fleet.workers[first]!.start();
  await other.stop();
  await expect.poll(() => fleet.workers[first]!.children(), { timeout: 60_000 }).not.toEqual([]);
  const id = await client.accepted({ steps: LONG });
  await client.underWay(id);
  return { id, other: () => other.start() };
}

async function oneResult(id: string): Promise<void> {
  expect(await room.client.ended(id)).toMatchObject({ state: 'succeeded' });
  await expect.poll(() => room.heard(id), { timeout: 60_000 }).toEqual(['embedding.succeeded']);
  await expect.poll(() => leftovers(room.fleet, room.redis), { timeout: 30_000 }).toEqual([]);
  expect(room.heard(id)).toEqual(['embedding.succeeded']);
}

test('the worker is killed in the middle of a job: another takes it within 60 s, one result, one webhook', async () => {
  const { id, other } = await begunBy(1);
  const before = await attempt(id);
  await other();
  await room.fleet.ready();
  await room.fleet.workers[1]!.kill();
  const lost = performance.now();
  await expect.poll(() => attempt(id), { timeout: 120_000 }).toBeGreaterThan(before);
  const seconds = (performance.now() - lost) / 1000;
  console.log(`a job whose worker was killed was taken up again after ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(RECOVERY);
  await oneResult(id);
});

test('the event loop of a worker is blocked for more than 30 s: no double result', async () => {
  const { id, other } = await begunBy(1);
  const before = await attempt(id);
  const frozen = room.fleet.workers[1]!;
  const begun = performance.now();
  frozen.signal('SIGSTOP');
  try {
    await other();
    // Its job is taken from it while it cannot know.
    await expect.poll(() => attempt(id), { timeout: 90_000 }).toBeGreaterThan(before);
    await sleep(Math.max(0, 31_000 - (performance.now() - begun)));
  } finally {
    frozen.signal('SIGCONT');
  }
  await oneResult(id);
  // It goes on working.
  const next = await room.client.accepted();
  await oneResult(next);
});

test('a job that kills its engine once is tried again, one that kills it twice fails as ENGINE_FAILED', async () => {
  const { id } = await begunBy(1);
  const { client } = room;
  for (const time of [1, 2]) {
    await expect.poll(() => attempt(id), { timeout: 60_000 }).toBe(time);
    // The second attempt begins with the steps from the start.
    await client.until(id, ({ state, progress }) => state === 'running' && !!progress?.step);
    await expect.poll(() => engines()).toHaveLength(1);
    for (const pid of await engines()) process.kill(pid, 'SIGKILL');
    if (time === 1) await expect.poll(() => attempt(id), { timeout: 60_000 }).toBe(2);
  }
  expect(await client.ended(id)).toMatchObject({ state: 'failed', error: { code: 'ENGINE_FAILED' } });
  await expect.poll(() => room.heard(id), { timeout: 60_000 }).toEqual(['embedding.failed']);
  await room.fleet.workers[0]!.start();
  await room.fleet.ready();
  await oneResult(await client.accepted());
});
