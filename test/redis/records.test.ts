import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { Records } from '../../src/store/records.js';
import { announce, list, retire } from '../../src/store/workers.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const ID = `emb_${'a'.repeat(20)}`;
const record: EmbeddingRecord = {
  id: ID,
  tenant: 'default',
  state: 'queued',
  createdAt: '2026-01-01T00:00:00.000Z',
  options: { steps: 10, learningRate: 0.05, space: 'pn', pixelWeight: 0, styles: 16 },
  attempt: 0,
  blobs: { original: `embeddings/${ID}/original` },
};

let server: TestRedis;
let redis: Redis;
let records: Records;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  records = new Records(redis, 'test', () => new Date('2026-01-02T03:04:05Z'));
  await records.create(record);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe('records', () => {
  test('keep what was stored, digits and empty lists included', async () => {
    await records.begin(ID, 1);
    await records.progress(ID, 1, { losses: [], quality: { loss: 0.1 + 0.2, lpips: 1 / 3 } });
    expect(await records.get(ID)).toMatchObject({ losses: [], quality: { loss: 0.1 + 0.2, lpips: 1 / 3 } });
  });

  test('tell of several at once what a morph needs of them', async () => {
    await records.begin(ID, 1);
    const done = { latentHash: 'h', generator: { name: 'g', hash: 'g1' }, blobs: { latent: 'l' } };
    await records.succeed(ID, 1, { ...done, losses: [1] });
    const sources = await records.sources('default', ['emb_none', ID]);
    expect(sources).toEqual([undefined, { tenant: 'default', state: 'succeeded', ...done }]);
  });

  test('refuse a second record of the same id', async () => {
    expect(await records.create({ ...record, state: 'running' })).toBe(false);
    expect(await records.get(ID)).toEqual(record);
  });

  test('go from queued over running to succeeded with their times', async () => {
    expect(await records.begin(ID, 1)).toBe(true);
    expect(await records.succeed(ID, 1, { latentHash: 'h' })).toBe(true);
    expect(await records.get(ID)).toMatchObject({
      state: 'succeeded',
      latentHash: 'h',
      startedAt: '2026-01-02T03:04:05.000Z',
      finishedAt: '2026-01-02T03:04:05.000Z',
    });
  });

  test('a late duplicate of an attempt changes nothing', async () => {
    await records.begin(ID, 1);
    expect(await records.begin(ID, 1)).toBe(false);
    expect(await records.begin(ID, 2)).toBe(true);
    expect(await records.progress(ID, 1, { losses: [9] })).toBe(false);
    expect(await records.succeed(ID, 1, {})).toBe(false);
    expect(await records.fail(ID, 1, { code: 'INTERNAL', detail: 'late' })).toBe(false);
    expect(await records.succeed(ID, 2, {})).toBe(true);
    expect(await records.begin(ID, 3)).toBe(false);
    expect(await records.fail(ID, 3, { code: 'INTERNAL', detail: 'late' })).toBe(false);
    expect(await records.get(ID)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  test('of many attempts that finish together exactly one wins', async () => {
    await records.begin(ID, 1);
    const wins = await Promise.all(
      Array.from({ length: 20 }, (_, i) => records.succeed(ID, 1, { device: `${i}` })),
    );
    expect(wins.filter(Boolean)).toHaveLength(1);
  });

  test('can fail before the first step, when the job is lost', async () => {
    expect(await records.fail(ID, 1, { code: 'ENGINE_FAILED', detail: 'lost' })).toBe(true);
    expect(await records.get(ID)).toMatchObject({ state: 'failed', error: { code: 'ENGINE_FAILED' } });
  });

  test('stop the running attempt when cancelled, once', async () => {
    await records.begin(ID, 1);
    expect(await records.cancel(ID)).toBe(true);
    expect(await records.cancel(ID)).toBe(false);
    expect(await records.progress(ID, 1, { losses: [1] })).toBe(false);
  });

  test('are not brought back by a late write after removal', async () => {
    await records.begin(ID, 1);
    expect(await records.remove('default', ID, { why: 'request' })).toBe(true);
    expect(await records.progress(ID, 1, { losses: [1] })).toBe(false);
    expect(await records.succeed(ID, 1, {})).toBe(false);
    expect(await records.get(ID)).toBeUndefined();
  });

  test('let an interrupted removal be repeated until it is complete', async () => {
    expect(await records.linkRender(ID, 'k1')).toBe(true);
    await records.linkRender(ID, 'k1');
    await records.linkRender(ID, 'k2');
    await records.remove('default', ID, { why: 'request' });
    expect(await records.remove('default', ID, { why: 'request' })).toBe(true);
    expect(await records.linkRender(ID, 'k3')).toBe(false);
    expect((await records.rendersOf(ID)).sort()).toEqual(['k1', 'k2']);
    await records.forget(ID);
    expect(await records.remove('default', ID, { why: 'request' })).toBe(false);
    expect((await redis.keys('*')).sort()).toEqual(['test:audit', 'test:outbox']);
  });

  test('refuse a stored record that does not fit its schema', async () => {
    await redis.hset(`test:embedding:${ID}`, 'state', '"dancing"');
    await expect(records.get(ID)).rejects.toThrow();
  });
});

test('answers 503 while Redis is full', async () => {
  await redis.config('SET', 'maxmemory', '1');
  const refused = records.create({ ...record, id: `emb_${'b'.repeat(20)}` });
  await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await redis.config('SET', 'maxmemory', '0');
});

test('lists live workers and forgets expired and retired ones', async () => {
  const info = (id: string) => ({
    id,
    roles: ['embed' as const],
    device: 'cpu',
    generator: { name: 'g', hash: 'h' },
    warmUpMs: { embed: 700 },
  });
  for (const id of ['w1', 'w2', 'w3']) await announce(redis, 'test', info(id));
  await redis.del('test:worker:w2');
  await retire(redis, 'test', 'w3');
  expect(await list(redis, 'test')).toEqual([info('w1')]);
  expect(await redis.smembers('test:workers')).toEqual(['w1']);
  expect(await redis.ttl('test:worker:w1')).toBeGreaterThan(10);
});
