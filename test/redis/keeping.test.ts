/** How long embeddings are kept, and what is left of them afterwards: nothing. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { Audit } from '../../src/store/audit.js';
import { dropPhotos } from '../../src/store/erase.js';
import { dropAll, expire, findLostJobs, finishDeletions } from '../../src/worker/chores.js';
import { detection, eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { tracesOf, upkeepOf } from '../support/upkeep.js';

const signal = new AbortController().signal;

let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
eachTestOnApp(async (app) => {
  service = app;
  jpeg ??= new Uint8Array(await readFile(SMALL_PHOTO));
  app.serveRenders(async (job, { blobs }) => {
    if ('key' in job) await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    return detection(1);
  });
});

async function posted(fields: Record<string, string> = {}): Promise<EmbeddingRecord> {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('image', new Blob([jpeg]), 'a.jpg');
  const answer = await service.post(form);
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json();
}

const get = (id: string) => service.app.inject(`/embeddings/${id}`);

const upkeep = (later?: number) => upkeepOf(service, later);
const traces = (id: string) => tracesOf(service, id);

async function deletions(): Promise<unknown[]> {
  const { redis, deps } = service;
  const found = [];
  for await (const entry of new Audit(redis, deps.config.keyPrefix).since(new Date(0))) found.push(entry);
  return found;
}

describe('deleting', () => {
  test('leaves nothing but the audit and the news for webhooks', async () => {
    const { id } = await posted({ labels: 'x', reference: 'r' });
    const { records, blobs } = service.deps;
    await blobs.put('renders/key', Buffer.from('x'));
    await records.linkRender(id, 'key');
    expect((await traces(id)).length).toBeGreaterThan(5);
    expect((await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` })).statusCode).toBe(204);
    expect(await traces(id)).toEqual(['audit', 'embed:events', 'outbox']);
    expect(await service.blobFiles()).toEqual([]);
    expect(await deletions()).toEqual([
      {
        at: expect.any(String),
        tenant: 'default',
        id,
        why: 'request',
        key: undefined,
        blobs: 1,
        renders: 1,
      },
    ]);
  });

  test('leaves no landmarks of the photo, in the memory of the queue either', async () => {
    const { id } = await posted();
    expect((await get(id)).json().faces).toHaveLength(1);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect(await tracesOf(service, 'landmarks')).toEqual([]);
    expect(await service.blobFiles()).toEqual([]);
  });

  test('that was interrupted is finished by upkeep, by one process or two', async () => {
    const { id } = await posted();
    await service.deps.records.remove('default', id, { why: 'request' });
    expect((await service.blobFiles()).length).toBe(1);
    const [one, other] = [finishDeletions(upkeep()), finishDeletions(upkeep())];
    // Who began it may still be at it.
    await Promise.all([one(signal), other(signal)]);
    expect((await service.blobFiles()).length).toBe(1);
    await Promise.all([one(signal), other(signal)]);
    expect(await service.blobFiles()).toEqual([]);
    expect(await upkeep().pending.deletions()).toEqual([]);
    expect(await deletions()).toHaveLength(1);
  });

  test('hides renders that an API still remembers', async () => {
    const [a, b] = [await storeFinished(service), await storeFinished(service)];
    const morph = `/morph?a=${a.id}&b=${b.id}`;
    expect((await service.app.inject(morph)).statusCode).toBe(200);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${b.id}` });
    expect((await service.app.inject(morph)).statusCode).toBe(404);
  });
});

describe('retention', () => {
  test('is told in every body, and kept for ever without one', async () => {
    expect((await posted()).expiresAt).toBeNull();
    expect((await posted({ retention: 'P1DT12H30M' })).expiresAt).toBe('2026-02-02T00:30:00.000Z');
  });

  test.each(['P', 'PT', 'P1Y', 'P1M', '30', 'P-1D', 'PT59S', 'PT0M', 'P3651D', 'P1D ', 'pt1h'])(
    'refuses %j',
    async (retention) => {
      const form = new FormData();
      form.set('retention', retention);
      form.set('image', new Blob([jpeg]), 'a.jpg');
      const answer = (await service.post(form)).json();
      expect(answer).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
      expect(answer.detail).toMatch(/PT1M to P3650D.*retention/);
    },
  );

  test('ends with a trace that says when', async () => {
    const { id } = await posted({ retention: 'PT1M', labels: 'x', reference: 'r' });
    const kept = await posted({ retention: 'PT2M' });
    await expire(upkeep(59_000), signal);
    expect((await get(id)).json().state).toBe('queued');
    await Promise.all([expire(upkeep(60_000), signal), expire(upkeep(60_000), signal)]);
    const { state, expiresAt, labels, reference, links } = (await get(id)).json();
    expect({ state, expiresAt, labels, reference }).toEqual({
      state: 'expired',
      expiresAt: '2026-01-31T12:01:00.000Z',
      labels: undefined,
      reference: undefined,
    });
    expect(Object.keys(links)).toEqual(['self']);
    expect((await service.blobFiles()).every((path) => path.includes(kept.id))).toBe(true);
    expect(await deletions()).toMatchObject([{ id, why: 'retention' }]);
    expect((await get(kept.id)).json().state).toBe('queued');
  });

  test('ends for a running embedding, too', async () => {
    const { id } = await posted({ retention: 'PT1M' });
    const { records } = service.deps;
    await records.begin(id, 1);
    await expire(upkeep(60_000), signal);
    expect(await records.progress(id, 1, { losses: [1] })).toBe(false);
  });
});

describe('latent-only', () => {
  const finished = { latentHash: 'h', generator: { name: 'generator', hash: 'g1' } };

  test('keeps no photo once the embedding has finished', async () => {
    const { id } = await posted({ store: 'latent-only' });
    const { records, blobs } = service.deps;
    await records.begin(id, 1);
    expect((await get(id)).json().links.original).toBeDefined();
    const original = `embeddings/${id}/original.jpg`;
    const keys = {
      aligned: `embeddings/${id}/1/aligned.png`,
      latent: `embeddings/${id}/1/latent.f32`,
      reconstruction: `embeddings/${id}/1/reconstruction.png`,
    };
    for (const key of Object.values(keys)) await blobs.put(key, Buffer.from('x'));
    await records.succeed(id, 1, { ...finished, blobs: { original, ...keys } });
    // Nobody sees it, even before it is gone.
    expect(Object.keys((await get(id)).json().links)).toEqual(['self', 'reconstruction']);
    expect((await service.app.inject(`/embeddings/${id}/image?kind=original`)).json().code).toBe(
      'IMAGE_NOT_READY',
    );
    const placed = await service.app.inject(`/embeddings/${id}/image?kind=reconstruction&placement=original`);
    expect(placed.json().code).toBe('ORIGINAL_NOT_KEPT');
    await dropPhotos({ records, blobs }, id);
    expect((await service.blobFiles()).map((path) => path.split('/').at(-1)).sort()).toEqual([
      'latent.f32',
      'reconstruction.png',
    ]);
  });

  test.each(['failed', 'cancelled'] as const)(
    'one that %s, too, although its worker was lost',
    async (how) => {
      const { id } = await posted({ store: 'latent-only' });
      const { records } = service.deps;
      if (how === 'failed') await records.fail(id, 1, { code: 'ENGINE_FAILED', detail: 'x' });
      else await records.cancel(id);
      expect(await service.blobFiles()).toHaveLength(1);
      await Promise.all([dropAll(upkeep(), signal), dropAll(upkeep(), signal)]);
      expect(await service.blobFiles()).toEqual([]);
      expect(await upkeep().pending.photos()).toEqual([]);
      expect((await get(id)).json().state).toBe(how);
    },
  );

  test('others keep theirs', async () => {
    const { id } = await posted();
    await service.deps.records.cancel(id);
    await dropAll(upkeep(), signal);
    expect(await service.blobFiles()).toHaveLength(1);
    expect((await get(id)).json().links.original).toBeDefined();
  });
});

describe('lost jobs', () => {
  test('are given again to what waits', async () => {
    const { id } = await posted();
    const { queues } = service.deps;
    await queues.cancelEmbed(id);
    await findLostJobs(upkeep(59_000), signal);
    expect(await queues.position(id)).toBeUndefined();
    await Promise.all([findLostJobs(upkeep(60_000), signal), findLostJobs(upkeep(60_000), signal)]);
    expect(await queues.position(id)).toBe(0);
    expect((await get(id)).json().state).toBe('queued');
  });

  test('fail what was being worked on', async () => {
    const { id } = await posted();
    const { queues, records } = service.deps;
    await records.begin(id, 3);
    await queues.cancelEmbed(id);
    await findLostJobs(upkeep(60_000), signal);
    expect((await get(id)).json()).toMatchObject({ state: 'failed', error: { code: 'ENGINE_FAILED' } });
    expect(await upkeep().pending.unfinished(0, 10)).toEqual([]);
  });

  test('those that are there are left alone', async () => {
    const { id } = await posted();
    await findLostJobs(upkeep(1e9), signal);
    expect((await get(id)).json()).toMatchObject({ state: 'queued', waiting: { position: 0 } });
  });
});
