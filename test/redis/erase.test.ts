/** Deletions that meet work in progress, or a process that is lost half-way: in the end nothing is left. */
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { EmbeddingRecord, Place } from '../../src/contracts.js';
import type { RenderJob } from '../../src/jobs.js';
import { RENDERS, renderBlob } from '../../src/store/blob-keys.js';
import { dropPhotos } from '../../src/store/erase.js';
import { RecentBlobs } from '../../src/store/recent-blobs.js';
import { dropAll, expire, finishDeletions } from '../../src/worker/chores.js';
import { eachTestOnApp, startApp, storeFinished, type TestApp } from '../support/app.js';
import { tracesOf, upkeepOf } from '../support/upkeep.js';

const signal = new AbortController().signal;
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]);

let service: TestApp;
/** Jobs that a worker has begun, and what they wait for. */
let begun: RenderJob[];
let draw: Promise<void>;
eachTestOnApp(async (app) => {
  service = app;
  begun = [];
  draw = Promise.resolve();
  app.serveRenders(async (job, { blobs }) => {
    begun.push(job);
    await draw;
    if ('key' in job) await blobs.put(renderBlob(job.key), JPEG);
    return undefined;
  });
});

/** Holds every drawing back until the function that is returned is called. */
function hold(): () => void {
  let release = (): void => undefined;
  draw = new Promise((resolve) => {
    release = resolve;
  });
  return () => release();
}

const seen = async (test: () => boolean | Promise<boolean>): Promise<void> =>
  expect.poll(test, { timeout: 5_000, interval: 10 }).toBe(true);

const remove = (id: string) => service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
const morph = (a: EmbeddingRecord, b: EmbeddingRecord) => service.app.inject(`/morph?a=${a.id}&b=${b.id}`);

/** What a round of upkeep does that finds the same deletions as the round before it. */
async function finish(): Promise<void> {
  const round = finishDeletions(upkeepOf(service));
  await round(signal);
  await round(signal);
}

/** All that may still name a deleted embedding: audit, news for webhooks. Nothing in them but ids and times. */
const ALLOWED = ['audit', 'outbox'];

describe('deleting', () => {
  test('leaves no render, nor the jobs that made it', async () => {
    const [a, b] = [await storeFinished(service), await storeFinished(service)];
    expect((await morph(a, b)).statusCode).toBe(200);
    expect((await remove(b.id)).statusCode).toBe(204);
    expect(await tracesOf(service, b.id)).toEqual(ALLOWED);
    expect((await service.blobFiles()).filter((path) => path.includes('renders'))).toEqual([]);
  });

  test('takes back a render that waits', async () => {
    const release = hold();
    service.deps.patience.renderMs = 1_000;
    const [a, b] = [await storeFinished(service), await storeFinished(service)];
    const others = [1, 2, 3, 4].map(async (n) => {
      const one = await storeFinished(service);
      return service.app.inject(`/morph?a=${a.id}&b=${one.id}&lambda=0.${n}`);
    });
    await seen(() => begun.length === 4);
    const waiting = morph(a, b);
    await seen(async () => (await tracesOf(service, b.id)).some((key) => /^render:[0-9a-f]+$/.test(key)));
    await remove(b.id);
    expect(await tracesOf(service, b.id)).toEqual(ALLOWED);
    expect((await waiting).statusCode).toBe(503);
    release();
    await Promise.all(others);
    await seen(
      async () => (await service.blobFiles()).filter((path) => /renders\/[0-9a-f]+$/.test(path)).length === 4,
    );
    expect(begun).toHaveLength(4);
  });

  test('goes on until a render that is being drawn is gone, too', async () => {
    const release = hold();
    const [a, b] = [await storeFinished(service), await storeFinished(service)];
    // A client that goes away, or an API that is lost, looks for nothing afterwards.
    const { queues, records } = service.deps;
    const place: Place = {
      original: `embeddings/${b.id}/original.jpg`,
      width: 8,
      height: 8,
      quad: [
        [0, 0],
        [0, 8],
        [8, 8],
        [8, 0],
      ],
      landmarks: [[1, 2]],
    };
    const key = 'f'.repeat(64);
    await records.linkRender(b.id, key);
    const lost = queues
      .render(
        {
          kind: 'morph',
          key,
          a: a.blobs.latent!,
          b: b.blobs.latent!,
          mode: 'linear',
          lambda: 0.5,
          crossover: 0,
          size: 8,
          place,
          format: 'jpeg',
        },
        50,
      )
      .catch((error: Error) => error.message);
    await seen(() => begun.length === 1);
    expect(await lost).toMatch('No worker finished within');
    expect((await remove(b.id)).statusCode).toBe(204);
    expect((await service.app.inject(`/embeddings/${b.id}`)).statusCode).toBe(404);
    await finish();
    release();
    await seen(async () => (await service.blobFiles()).some((path) => path.includes(key)));
    await seen(async () => {
      await finish();
      return (await upkeepOf(service).pending.deletions()).length === 0;
    });
    expect(await tracesOf(service, b.id)).toEqual(ALLOWED);
    expect((await service.blobFiles()).some((path) => path.includes(key))).toBe(false);
  });
});

describe('retention', () => {
  test('ends for a morph that is being drawn', async () => {
    const release = hold();
    const expiresAt = new Date(service.deps.now().getTime() + 60_000).toISOString();
    const [a, b] = [await storeFinished(service), await storeFinished(service, { expiresAt })];
    const answer = morph(a, b);
    await seen(() => begun.length === 1);
    const later = upkeepOf(service, 60_000);
    await expire(later, signal);
    release();
    expect((await answer).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
    await expire(later, signal);
    expect(await later.pending.overdue(10)).toEqual([]);
    expect((await service.blobFiles()).filter((path) => path.includes('renders'))).toEqual([]);
    expect(await service.redis.exists(`${service.deps.config.keyPrefix}:renders:${b.id}`)).toBe(0);
  });
});

test('what cannot be deleted lets nothing else wait, and is tried again', async () => {
  const expiresAt = service.deps.now().toISOString();
  const [bad, good] = [
    await storeFinished(service, { expiresAt }),
    await storeFinished(service, { expiresAt }),
  ];
  const upkeep = upkeepOf(service);
  const blobs = Object.assign(Object.create(upkeep.blobs) as typeof upkeep.blobs, {
    deletePrefix: async (prefix: string) => {
      if (prefix.includes(bad.id)) throw new Error('EACCES');
      await upkeep.blobs.deletePrefix(prefix);
    },
  });
  await expect(expire({ ...upkeep, blobs }, signal)).rejects.toThrow('1 of 2 embeddings failed');
  expect((await service.blobFiles()).map((path) => path.includes(good.id))).toEqual([false]);
  expect(await upkeep.pending.overdue(10)).toEqual([bad.id]);
  await expire(upkeep, signal);
  expect(await service.blobFiles()).toEqual([]);
});

describe('store=latent-only', () => {
  const file = (id: string, path: string): string => `embeddings/${id}/${path}`;
  const left = async (): Promise<string[]> =>
    (await service.blobFiles()).map((path) => path.split('/').slice(-2).join('/')).sort();

  test('drops what attempts left that were lost, too', async () => {
    const { blobs, records } = service.deps;
    const { id } = await storeFinished(service, {
      store: 'latent-only',
      state: 'queued',
      attempt: 0,
      blobs: {},
    });
    await blobs.delete(file(id, 'latent.f32'));
    const original = file(id, 'original.jpg');
    await records.begin(id, 1);
    await records.begin(id, 3);
    for (const path of ['original.jpg', '1/aligned.png', '2/preview.jpg', '3/aligned.png', '3/latent.f32'])
      await blobs.put(file(id, path), JPEG);
    await records.progress(id, 3, {
      blobs: { original, aligned: file(id, '3/aligned.png'), latent: file(id, '3/latent.f32') },
    });
    await records.fail(id, 3, { code: 'LATENT_DIVERGED', detail: 'x' });
    await dropAll(upkeepOf(service), signal);
    expect(await left()).toEqual(['3/latent.f32']);
    // A late attempt, whose worker looks once more when it finds that it is too late.
    await blobs.put(file(id, '2/aligned.png'), JPEG);
    await dropPhotos(service.deps, id);
    expect(await left()).toEqual(['3/latent.f32']);
  });

  test('an attempt that gives way takes nothing of the next one, and forgets nothing', async () => {
    const { blobs, records } = service.deps;
    const { id } = await storeFinished(service, {
      store: 'latent-only',
      state: 'queued',
      attempt: 0,
      blobs: {},
    });
    await blobs.delete(file(id, 'latent.f32'));
    await records.begin(id, 1);
    await records.begin(id, 2);
    await blobs.put(file(id, '2/aligned.png'), JPEG);
    await dropPhotos(service.deps, id);
    expect(await left()).toEqual(['2/aligned.png']);

    // It finishes between the look at the record and the note that its photos are gone.
    const finishing = Object.assign(Object.create(records) as typeof records, {
      latentOnly: async () => {
        const found = await records.latentOnly(id);
        await records.succeed(id, 2, { blobs: { aligned: file(id, '2/aligned.png') } });
        return found;
      },
    });
    await dropPhotos({ records: finishing, blobs }, id);
    await dropAll(upkeepOf(service), signal);
    expect(await left()).toEqual([]);
  });
});

describe('what an API remembers', () => {
  test('is not shown any more once another one has deleted an embedding', async () => {
    const { config, redis, blobs } = service.deps;
    const recent = new RecentBlobs(blobs, { prefix: RENDERS });
    const other = await startApp(serverOf(redis), { config, blobs: recent });
    try {
      const [a, b] = [await storeFinished(service), await storeFinished(service)];
      const url = `/morph?a=${a.id}&b=${b.id}`;
      const first = await other.app.inject(url);
      expect(first.statusCode).toBe(200);
      expect((await other.app.inject(url)).statusCode).toBe(200);
      await remove(b.id);
      const key = String(first.headers.etag).replaceAll('"', '');
      expect(await recent.has(renderBlob(key))).toBe(true);
      const cached = { 'if-none-match': String(first.headers.etag) };
      for (const headers of [{}, cached])
        expect((await other.app.inject({ url, headers })).json().code).toBe('EMBEDDING_NOT_FOUND');
    } finally {
      await other.close();
    }
  });
});

const serverOf = ({ options }: Redis): string => `redis://${options.host}:${options.port}`;
