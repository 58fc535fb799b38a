/** A Redis that restarts, is cut off, drops its connections or is full, while photos are embedded and states are read. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LONG, refusal, StatusReader } from '../../support/fleet/fleet-client.js';
import { leftovers, recorded } from '../../support/fleet/leftovers.js';
import { useFleet } from '../../support/fleet/room.js';

const room = useFleet();
let reader: StatusReader;

beforeAll(async () => {
  const id = await room.client.accepted();
  await room.client.ended(id);
  reader = new StatusReader(room.client, id);
});
// Whatever happened meanwhile: an answer or a refusal.
afterAll(async () => {
  const p99 = await reader?.p99();
  console.log(`status reads while Redis was broken: p99 ${p99?.toFixed(1)} ms of ${reader?.times.length}`);
});

/** A fault in the middle of a job, after which that job, one that waited, and the next one have one result each. */
async function survives(fault: () => Promise<void>): Promise<void> {
  const { client, fleet, redis } = room;
  const [active, waiting] = [await client.accepted({ steps: LONG }), await client.accepted()];
  await client.underWay(active);
  await fault();
  const ids = [active, waiting];
  for (const id of ids) expect(await client.ended(id, 180_000)).toMatchObject({ state: 'succeeded' });
  await fleet.ready();
  ids.push(await client.accepted());
  expect(await client.ended(ids.at(-1)!)).toMatchObject({ state: 'succeeded' });
  for (const id of ids)
    await expect.poll(() => room.heard(id), { timeout: 60_000 }).toEqual(['embedding.succeeded']);
  await expect.poll(() => leftovers(fleet, redis), { timeout: 60_000 }).toEqual([]);
}

test('Redis is killed and started again: what was accepted goes on', () =>
  survives(async () => {
    // What it was told last is on its disk within a second.
    await sleep(1_100);
    await room.fleet.redis.kill();
    await sleep(1_000);
    await room.fleet.restartRedis();
  }));

test('Redis is cut off for 10 s: what was accepted goes on', () =>
  survives(async () => {
    room.fleet.proxy.mode = 'silent';
    await sleep(10_000);
    room.fleet.proxy.mode = 'pass';
  }));

test('CLIENT KILL ends every connection: what was accepted goes on', () =>
  survives(async () => {
    const killed = await room.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(killed).toBeGreaterThan(0);
    await room.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }));

test('Redis is full: 503 UNAVAILABLE and no half-made job, and what was accepted goes on when there is room', async () => {
  const { client, redis, fleet } = room;
  await survives(async () => {
    const before = await recorded(redis);
    await redis.config('SET', 'maxmemory', '1');
    try {
      const refused = await client.post();
      expect(await refusal(refused)).toEqual([503, 'UNAVAILABLE']);
      expect(refused.headers.get('retry-after')).not.toBeNull();
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
    expect(await recorded(redis)).toEqual(before);
  });
  await expect.poll(() => leftovers(fleet, redis)).toEqual([]);
});

test('status reads that reached the API during all of this were answered with a p99 below 100 ms', async () => {
  const p99 = await reader.p99();
  expect(reader.times.length).toBeGreaterThan(500);
  expect(p99).toBeLessThan(100);
});
