/** Outages that an embedding lives through. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import type { BlobStore } from '../../src/store/blobs.js';
import { startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker, type TestWorker } from '../support/worker.js';

let server: TestRedis;
let service: TestApp;
let worker: TestWorker;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  await worker.close();
  await service.close();
});

/** Fails so many times to store an aligned face, as a disk that is full. */
async function begin(failures: number): Promise<{ failed: () => number }> {
  let failed = 0;
  service = await startApp(server.url);
  const { blobs } = service.deps;
  const put = blobs.put.bind(blobs);
  (blobs as BlobStore).put = async (key, bytes) => {
    if (!key.endsWith('aligned.png') || failed >= failures) return put(key, bytes);
    failed++;
    throw new AppError('UNAVAILABLE', { detail: 'The disk is full.' });
  };
  worker = await startWorker(service, server.url);
  return { failed: () => failed };
}

async function posted() {
  const form = new FormData();
  form.set('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), 'a.jpg');
  form.set('steps', '2');
  const { id } = (await service.post(form)).json();
  return async () => (await service.app.inject(`/embeddings/${id}`)).json();
}

test('an embedding that meets a full disk again and again succeeds when there is room', async () => {
  const { failed } = await begin(5);
  const state = await posted();
  await expect.poll(async () => (await state()).state).toBe('succeeded');
  expect(failed()).toBe(5);
});

test('one whose outage never ends fails with its reason', async () => {
  const { failed } = await begin(Number.POSITIVE_INFINITY);
  const state = await posted();
  await expect.poll(async () => (await state()).state, { timeout: 40_000 }).toBe('failed');
  expect((await state()).error).toMatchObject({ code: 'UNAVAILABLE' });
  expect(failed()).toBeGreaterThanOrEqual(60);
});
