import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { admits, TRANSITIONS, type Transition, type TransitionName } from '../../src/store/job-protocol.js';
import { Records } from '../../src/store/records.js';
import { startRedis } from '../support/redis.js';

const NAMES = Object.keys(TRANSITIONS) as TransitionName[];
const LOST = { code: 'ENGINE_FAILED', detail: 'lost' };

/** Numbers in 0..1 that a seed decides (Mulberry32). */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('Redis answers as the table of transitions does, over 300 random sequences', async () => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  const records = new Records(redis, 'test');
  const random = seeded(27);
  try {
    for (let run = 0; run < 300; run++) {
      const id = `emb_${String(run).padStart(20, '0')}`;
      const record: EmbeddingRecord = {
        id,
        tenant: 'default',
        state: 'queued',
        createdAt: '2026-01-01T00:00:00.000Z',
        options: { steps: 10, learningRate: 0.05, space: 'pn', pixelWeight: 0, styles: 16 },
        attempt: 0,
        blobs: {},
      };
      await records.create(record);
      let model = { state: record.state, attempt: 0 };
      const ends: string[] = [];
      for (let step = 0; step < 8; step++) {
        const name = NAMES[Math.floor(random() * NAMES.length)]!;
        const attempt = name === 'cancel' ? 0 : Math.floor(random() * 4);
        const row: Transition = TRANSITIONS[name];
        const expected = admits(row, model, attempt);
        const write = {
          begin: () => records.begin(id, attempt),
          progress: () => records.progress(id, attempt, {}),
          succeed: () => records.succeed(id, attempt, {}),
          fail: () => records.fail(id, attempt, LOST),
          cancel: () => records.cancel(id),
        }[name];
        expect(await write(), `${name} ${attempt} of ${JSON.stringify(model)}`).toBe(expected);
        if (!expected) continue;
        const claims = name === 'begin' || name === 'fail';
        model = { state: row.to ?? model.state, attempt: claims ? attempt : model.attempt };
        if (row.outbox) ends.push(row.outbox);
      }
      expect(await records.get(id)).toMatchObject(model);
      const outbox = await redis.xrange('test:outbox', '-', '+');
      expect(outbox.map(([, fields]) => fields[1])).toEqual(ends);
      await redis.del('test:outbox');
    }
  } finally {
    redis.disconnect();
    await server.stop();
  }
});
