import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import type { RenderJob } from '../../src/jobs.js';
import { EMBED_QUEUE, fromFailure, Queues, RENDER_QUEUE, toFailure } from '../../src/queue.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const morph: RenderJob = {
  kind: 'morph',
  key: 'f'.repeat(64),
  a: 'embeddings/a/latent',
  b: 'embeddings/b/latent',
  mode: 'linear',
  lambda: 0.7,
  crossover: 0,
  size: 1024,
  format: 'jpeg',
};

let server: TestRedis;
let connection: Redis;
let queues: Queues;
let prefix = '';
let count = 0;
const workers: Worker[] = [];

beforeAll(async () => {
  server = await startRedis();
  connection = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close(true)));
  await queues.close();
});
afterAll(async () => {
  connection.disconnect();
  await server.stop();
});

async function open(): Promise<void> {
  prefix = `test${count++}`;
  queues = new Queues(server.url, prefix);
  await queues.ready(5_000);
}

/** The queues as another process has them. */
async function another(): Promise<Queues> {
  const others = new Queues(server.url, prefix);
  await others.ready(5_000);
  return others;
}

function consume(queue: string, processor: (data: RenderJob) => Promise<unknown>): void {
  workers.push(new Worker(queue, (job) => processor(job.data), { connection, prefix, concurrency: 4 }));
}

test('simultaneous requests for one render share one job', async () => {
  await open();
  let runs = 0;
  consume(RENDER_QUEUE, async () => {
    runs += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return 'done';
  });
  const results = await Promise.all(Array.from({ length: 12 }, () => queues.render(morph, 5_000)));
  expect(results).toEqual(Array(12).fill('done'));
  expect(runs).toBe(1);
});

test('a finished render can be asked for again', async () => {
  await open();
  let runs = 0;
  consume(RENDER_QUEUE, async () => ++runs);
  expect(await queues.render(morph, 5_000)).toBe(1);
  expect(await queues.render(morph, 5_000)).toBe(2);
});

test('a failure arrives with its code, detail and extra members, and the next try runs again', async () => {
  await open();
  let runs = 0;
  consume(RENDER_QUEUE, async () => {
    runs += 1;
    if (runs === 1)
      throw new Error(toFailure(new AppError('FACE_NOT_FOUND', { detail: 'None.', extra: { index: 2 } })));
    return 'fine';
  });
  const failed = queues.render(morph, 5_000);
  await expect(failed).rejects.toMatchObject({
    code: 'FACE_NOT_FOUND',
    detail: 'None.',
    extra: { index: 2 },
  });
  expect(await queues.render(morph, 5_000)).toBe('fine');
});

test('detections are never shared, and one that nobody answers is taken back', async () => {
  await open();
  const job: RenderJob = { kind: 'detect', blob: 'embeddings/x/original', result: 'looked-at/x.json' };
  await expect(queues.render(job, 100)).rejects.toMatchObject({ code: 'BUSY', status: 503 });
  let runs = 0;
  consume(RENDER_QUEUE, async () => ++runs);
  expect(await Promise.all([queues.render(job, 5_000), queues.render(job, 5_000)])).toHaveLength(2);
  expect(runs).toBe(2);
});

test('a waiting embedding can be taken back, an unknown one cannot', async () => {
  await open();
  await queues.enqueueEmbed({ id: 'emb_a' }, { id: 'emb_b' });
  expect(await queues.cancelEmbed('emb_a')).toBe(true);
  expect(await queues.cancelEmbed('emb_a')).toBe(false);
  const seen: unknown[] = [];
  consume(EMBED_QUEUE, async (data) => seen.push(data));
  await expect.poll(() => seen).toEqual([{ id: 'emb_b' }]);
});

test('refuses at once while Redis is away', async () => {
  queues = new Queues('redis://127.0.0.1:1', 'nowhere');
  const started = performance.now();
  await expect(queues.enqueueEmbed({ id: 'emb_a' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    status: 503,
  });
  await expect(queues.render(morph, 5_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const detect: RenderJob = { kind: 'detect', blob: 'embeddings/x/original', result: 'looked-at/x.json' };
  await expect(queues.render(detect, 5_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - started).toBeLessThan(500);
});

test('a failure that hides its cause is internal, a reason of the queue itself is a lost process', async () => {
  expect(fromFailure(toFailure(new Error('/secret/path')))).toMatchObject({
    code: 'INTERNAL',
    detail: undefined,
  });
  expect(fromFailure('job stalled more than allowable limit').code).toBe('ENGINE_FAILED');
  expect(fromFailure('{"code":"toString"}').code).toBe('ENGINE_FAILED');
});

test('refuses renders beyond 64 that wait, says when to come back, and lets the same render join', async () => {
  await open();
  const ask = (i: number) => queues.render({ ...morph, key: `render${i}` }, 400);
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => ask(i)));
  const reasons = outcomes.map((one) => one.status === 'rejected' && (one.reason as AppError));
  const late = reasons.filter((reason) => reason && /No worker/.test(reason.message));
  const refused = reasons.filter((reason) => reason && /renders wait already/.test(reason.message));
  expect([late.length, refused.length]).toEqual([64, 36]);
  await expect(ask(999)).rejects.toMatchObject({ code: 'BUSY', retryAfter: 20, detail: /^64 renders wait/ });
  const waiting = reasons.indexOf(late[0]!);
  await expect(ask(waiting)).rejects.toThrow('No worker finished');
  consume(RENDER_QUEUE, async () => 'done');
  await expect(ask(waiting)).resolves.toBe('done');
});

test('the renders of several API processes at once wait in the same room', async () => {
  await open();
  const apis = await Promise.all([1, 2, 3, 4].map(() => another()));
  const asked = apis.flatMap((api, i) =>
    Array.from({ length: 50 }, (_, k) => api.render({ ...morph, key: `render${i}-${k}` }, 500)),
  );
  const outcomes = await Promise.allSettled(asked);
  const reasons = outcomes.map((one) => one.status === 'rejected' && (one.reason as AppError).message);
  const added = reasons.filter((reason) => reason && /No worker/.test(reason)).length;
  const waiting = (await queues.depths()).find(
    ({ queue, state }) => queue === 'render' && state === 'waiting',
  );
  await Promise.all(apis.map((api) => api.close()));
  expect(waiting?.jobs).toBe(added);
  expect(added).toBe(64);
});

test('the place of a process that was lost while it added a render is free again', async () => {
  await open();
  const lost = Array.from({ length: 64 }, (_, i) => [Date.now() + 600, `lost${i}`]).flat();
  await connection.zadd(`${prefix}:render-places`, ...lost.map(String));
  await expect(queues.render(morph, 50)).rejects.toThrow('64 renders wait already');
  await expect.poll(() => queues.render(morph, 50).catch(String)).toMatch(/No worker finished/);
});

test('no more than 500 requests of a process wait, for the same render or for others', async () => {
  await open();
  const outcomes = await Promise.allSettled(Array.from({ length: 510 }, () => queues.render(morph, 300)));
  const reasons = outcomes.map((one) => one.status === 'rejected' && (one.reason as AppError).message);
  expect(reasons.filter((reason) => reason && /^Too many requests wait/.test(reason))).toHaveLength(10);
  consume(RENDER_QUEUE, async () => 'done');
  expect(await queues.render(morph, 5_000)).toBe('done');
});
