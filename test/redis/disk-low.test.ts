/** A disk that is nearly full, and one that is full: how much is free is what each test says, all else is real. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { outOfReach } from '../../src/store/blob-checks.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { FileBlobStore } from '../../src/store/blobs.js';
import { DiskRoom } from '../../src/store/disk-room.js';
import { holdWhileLow } from '../../src/worker/hold-while-low.js';
import { detection, startApp, storePair, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker } from '../support/worker.js';

const MIB = 2 ** 20;
const WEBP = Buffer.concat([Buffer.from('RIFF    WEBP', 'latin1'), Buffer.alloc(64, 3)]);

let server: TestRedis;
let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
let free: number;
/** Moves on with every look, so that none holds for the next. */
let moment = 0;
beforeAll(async () => {
  server = await startRedis();
  jpeg = new Uint8Array(await readFile(SMALL_PHOTO));
});
afterAll(() => server.stop());
beforeEach(async () => {
  free = 600 * MIB;
  const disk = new DiskRoom(
    { blobs: { kind: 'files' }, dataDir: '/', diskFreeBytes: 512 * MIB },
    { free: async () => free, clock: { now: () => (moment += 10_000) } },
  );
  service = await startApp(server.url, { disk });
});
afterEach(() => service.close());

/** A consumer that finds a face in every photo and draws every morph. */
function draw(): void {
  service.serveRenders(async (job, { blobs }) => {
    if ('key' in job) await blobs.put(renderBlob(job.key), WEBP);
    return job.kind === 'detect' ? detection(1) : undefined;
  });
}

function form(): FormData {
  const data = new FormData();
  data.set('image', new Blob([jpeg]), 'a.jpg');
  return data;
}

const LOW = { status: 503, code: 'STORAGE_LOW' };

describe('a disk that is nearly full', () => {
  test('takes in no photo and no latent, and stores nothing of them', async () => {
    draw();
    free = 512 * MIB - 1;
    const latent = new FormData();
    latent.set('latent', new Blob(['x']), 'a.npy');
    for (const answer of [
      await service.post(form()),
      await service.post(latent),
      await service.post(form(), {}, '/faces'),
    ]) {
      expect(answer.json()).toMatchObject(LOW);
      expect(answer.headers['retry-after']).toBe('60');
    }
    expect(await service.blobFiles()).toEqual([]);
    expect((await service.app.inject('/embeddings')).json().embeddings).toEqual([]);
    free = 512 * MIB;
    expect((await service.post(form())).statusCode).toBe(202);
  });

  test('serves what is stored, renders and deletions go on', async () => {
    draw();
    const [a, b] = await storePair(service);
    const url = `/morph?a=${a}&b=${b}&format=webp&lambda=`;
    expect((await service.app.inject(`${url}0.25`)).statusCode).toBe(200);
    free = 0;
    expect((await service.app.inject(`${url}0.25`)).rawPayload).toEqual(WEBP);
    expect((await service.app.inject(`${url}0.75`)).json()).toMatchObject(LOW);
    expect((await service.app.inject(`/embeddings/${a}`)).statusCode).toBe(200);
    expect((await service.app.inject({ method: 'DELETE', url: `/embeddings/${a}` })).statusCode).toBe(204);
  });

  test('answers a repetition of an accepted request', async () => {
    draw();
    const key = { 'idempotency-key': 'again' };
    const { id } = (await service.post(form(), key)).json();
    free = 0;
    expect((await service.post(form(), key)).json().id).toBe(id);
  });

  test('is told of by readiness and metrics', async () => {
    free = 100;
    expect((await service.app.inject('/readyz')).json()).toMatchObject({ storage: 'low' });
    expect((await service.app.inject('/metrics?scope=service')).body).toContain(
      '\nlatentmorph_disk_free_bytes 100\n',
    );
    free = 600 * MIB;
    expect((await service.app.inject('/readyz')).json()).toMatchObject({ storage: 'ok' });
  });

  test('lets embeddings wait until there is room', async () => {
    const worker = await startWorker(service, server.url);
    const { disk } = service.deps;
    const log = { info: () => undefined, warn: () => undefined };
    free = 0;
    const end = holdWhileLow(worker.embedQueue, disk, log, 20);
    try {
      await expect.poll(() => worker.embedQueue.isPaused()).toBe(true);
      free = 600 * MIB;
      end();
      const { id } = (await service.post(form())).json();
      const state = async () => (await service.app.inject(`/embeddings/${id}`)).json().state;
      // Whatever a held worker took would have moved on by the time that a detection goes through.
      await service.post(form(), {}, '/faces');
      expect(await state()).toBe('queued');
      const endAgain = holdWhileLow(worker.embedQueue, disk, log, 20);
      await expect.poll(state).toBe('succeeded');
      endAgain();
    } finally {
      end();
      await worker.close();
    }
  });
});

describe('a disk that is full', () => {
  /** Takes as many bytes as `room` says, and answers like a disk beyond. */
  class FullBlobs extends FileBlobStore {
    room = Infinity;

    override async put(key: string, bytes: Uint8Array): Promise<void> {
      if (this.room < bytes.length) outOfReach(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
      this.room -= bytes.length;
      await super.put(key, bytes);
    }
  }

  test('puts an embedding off whose result cannot be stored, until there is room', async () => {
    const blobs = new FullBlobs(service.dir);
    Object.assign(service.deps, { blobs });
    const worker = await startWorker(service, server.url);
    try {
      const { id } = (await service.post(form())).json();
      blobs.room = 0;
      const found = async () => (await service.app.inject(`/embeddings/${id}`)).json();
      const putOff = () => worker.lines.filter((line) => /STORAGE_LOW.*job put off/.test(line)).length;
      await expect.poll(putOff).toBeGreaterThan(2);
      expect((await found()).state).toBe('running');
      blobs.room = Infinity;
      await expect.poll(async () => (await found()).state).toBe('succeeded');
    } finally {
      await worker.close();
    }
  });

  test('refuses a photo by name, and keeps nothing of it', async () => {
    draw();
    const blobs = new FullBlobs(service.dir);
    await service.close();
    service = await startApp(server.url, { blobs });
    blobs.room = 10;
    expect((await service.post(form())).json()).toMatchObject(LOW);
    expect((await service.app.inject('/embeddings')).json().embeddings).toEqual([]);
  });
});
