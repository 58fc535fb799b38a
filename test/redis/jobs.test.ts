/** Cancelling and waiting for embeddings, and repeating a request. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import { Idempotency } from '../../src/store/idempotency.js';
import { announce } from '../../src/store/workers.js';
import { detection, eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';

let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
eachTestOnApp(async (app) => {
  service = app;
  jpeg ??= new Uint8Array(await readFile(SMALL_PHOTO));
  app.serveRenders(async () => detection(1));
});

function photo(fields: Record<string, string> = {}, name = 'a.jpg'): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('image', new Blob([jpeg]), name);
  return form;
}

async function queued(fields: Record<string, string> = {}): Promise<string> {
  const answer = await service.post(photo(fields));
  expect(answer.statusCode).toBe(202);
  return answer.json().id;
}

const get = (id: string, headers: Record<string, string> = {}) =>
  service.app.inject({ url: `/embeddings/${id}`, headers });
const cancel = (id: string) => service.app.inject({ method: 'POST', url: `/embeddings/${id}/cancel` });

describe('cancelling', () => {
  test('takes a waiting embedding out of the queue and keeps its record', async () => {
    const id = await queued();
    const answer = await cancel(id);
    expect([answer.statusCode, answer.json().state]).toEqual([200, 'cancelled']);
    expect(await service.deps.queues.position(id)).toBeUndefined();
    expect((await get(id)).json()).toMatchObject({ state: 'cancelled', finishedAt: expect.any(String) });
    expect((await cancel(id)).statusCode).toBe(200);
  });

  test('refuses the writes of a worker that runs it', async () => {
    const id = await queued();
    const { records } = service.deps;
    await records.begin(id, 1);
    expect((await cancel(id)).json().state).toBe('cancelled');
    expect(await records.progress(id, 1, { losses: [1] })).toBe(false);
    expect(await records.succeed(id, 1, { blobs: {} })).toBe(false);
  });

  test('refuses one that has finished, and one that is unknown', async () => {
    const { id } = await storeFinished(service);
    expect((await cancel(id)).json()).toMatchObject({
      status: 409,
      code: 'EMBEDDING_FINISHED',
      state: 'succeeded',
    });
    expect((await cancel('emb_AAAAAAAAAAAAAAAAAAAA')).json()).toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
  });
});

describe('waiting', () => {
  test('tells the place in the queue, and the time once a worker knows its pace', async () => {
    const [first, second, third] = [await queued(), await queued(), await queued()] as const;
    const waiting = async (id: string) => (await get(id)).json().waiting;
    expect([await waiting(first), await waiting(second), await waiting(third)]).toEqual([
      { position: 0 },
      { position: 1 },
      { position: 2 },
    ]);
    const info = { id: 'w', roles: ['embed' as const], warmUpMs: {}, secondsPerJob: 100 };
    await announce(service.redis, service.deps.config.keyPrefix, info);
    expect(await waiting(third)).toEqual({ position: 2, seconds: 300 });
    await service.deps.records.begin(first, 1);
    expect(await waiting(first)).toBeUndefined();
  });

  test('Prefer: wait answers as soon as the embedding is finished', async () => {
    const id = await queued();
    const { records } = service.deps;
    const begun = performance.now();
    const answer = get(id, { prefer: 'respond-async, wait=30' });
    await sleep(100);
    await records.begin(id, 1);
    await sleep(100);
    await records.fail(id, 1, { code: 'ENGINE_FAILED', detail: 'x' });
    const { headers, ...response } = await answer;
    expect(response.json().state).toBe('failed');
    expect(headers['preference-applied']).toBe('wait=30');
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  test('Prefer: wait answers with what there is when the time is up', async () => {
    const id = await queued();
    const answer = await get(id, { prefer: 'wait=1' });
    expect(answer.json().state).toBe('queued');
    for (const prefer of ['wait=x', 'wait=-1', 'return=minimal', 'wait='])
      expect((await get(id, { prefer })).headers['preference-applied']).toBeUndefined();
  });

  test('POST with Prefer: wait answers 200 when done in time, 202 when not', async () => {
    const { records } = service.deps;
    const done = service.post(photo(), { prefer: 'wait=30' });
    const id = await expect
      .poll(async () => (await service.app.inject('/embeddings')).json().embeddings[0]?.id)
      .toBeDefined()
      .then(async () => (await service.app.inject('/embeddings')).json().embeddings[0].id as string);
    await records.begin(id, 1);
    await records.fail(id, 1, { code: 'ENGINE_FAILED', detail: 'x' });
    expect((await done).statusCode).toBe(200);
    expect((await service.post(photo(), { prefer: 'wait=1' })).statusCode).toBe(202);
  });

  test('nobody waits for an app that closes', async () => {
    const id = await queued();
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = service.app.server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/embeddings/${id}`;
    const waiting = fetch(url, { headers: { prefer: 'wait=60' } });
    const events = (await fetch(`${url}/events`)).text();
    await sleep(200);
    const begun = performance.now();
    await service.app.close();
    expect((await waiting).status).toBe(200);
    expect(await events).toContain('event: state');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': 'order-4711' };
  const stored = async () => (await service.app.inject('/embeddings')).json().embeddings.length;

  test('the same request again gets the same embedding', async () => {
    const first = await service.post(photo({ steps: '20' }), key);
    const again = await service.post(photo({ steps: '20' }), key);
    expect([first.statusCode, again.statusCode]).toEqual([202, 202]);
    expect(again.json().id).toBe(first.json().id);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    expect(await stored()).toBe(1);
  });

  test('another request with the same key is refused', async () => {
    await service.post(photo({ steps: '20' }), key);
    const other = await service.post(photo({ steps: '21' }), key);
    expect(other.json()).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await stored()).toBe(1);
  });

  test('of two at the same time one is answered and the other told so', async () => {
    const codes = (await Promise.all([service.post(photo(), key), service.post(photo(), key)])).map(
      (answer) => [answer.statusCode, answer.json().code],
    );
    expect(await stored()).toBe(1);
    expect(codes).toContainEqual([202, undefined]);
    expect(codes.every(([status]) => status === 202 || status === 409)).toBe(true);
  });

  test('a refused request may be sent again with its key', async () => {
    const bad = new FormData();
    bad.set('image', new Blob(['no photo']), 'a.jpg');
    expect((await service.post(bad, key)).json().code).toBe('IMAGE_UNSUPPORTED');
    expect((await service.post(photo(), key)).statusCode).toBe(202);
  });

  test('a job that its lost process did not enqueue is enqueued by the repetition, once', async () => {
    const { idempotency, queues } = service.deps;
    const { id } = (await service.post(photo(), key)).json();
    await queues.cancelEmbed(id);
    expect(await queues.position(id)).toBeUndefined();
    await Promise.all([service.post(photo(), key), service.post(photo(), key)]);
    expect(await queues.position(id)).toBe(0);
    expect(await idempotency.claim('other-tenant', 'order-4711', 'x')).toMatchObject({ kind: 'claimed' });
  });

  describe('claims', () => {
    const OUTCOME = { ids: ['b'], photos: [0], refused: [] };
    /** Claims the key `k`, of a service whose leases last so long. */
    async function claimed(leaseMs: number) {
      const idempotency = new Idempotency(service.redis, `lease-${leaseMs}`, leaseMs);
      const claim = () => idempotency.claim('t', 'k', 'f');
      const first = await claim();
      if (first.kind !== 'claimed') throw new Error('Expected a claim');
      return { idempotency, claim, held: first.held };
    }

    test('that are not renewed are taken over, with what they planned, and settle nothing any more', async () => {
      const { idempotency, claim, held } = await claimed(200);
      expect(await idempotency.plan('t', 'k', held, { ...OUTCOME, ids: ['a'] })).toBe(true);
      expect(await claim()).toEqual({ kind: 'in-flight' });
      await expect.poll(claim).toMatchObject({ kind: 'claimed', planned: { ids: ['a'] } });
      expect(await idempotency.settle('t', 'k', held, OUTCOME)).toBe(false);
      expect(await idempotency.plan('t', 'k', held, OUTCOME)).toBe(false);
    });

    test('that are renewed are not taken over', async () => {
      const { idempotency, claim, held } = await claimed(1_000);
      for (const until = Date.now() + 2_500; Date.now() < until; ) {
        await idempotency.renew('t', 'k', held);
        expect(await claim()).toEqual({ kind: 'in-flight' });
      }
      expect(await idempotency.settle('t', 'k', held, OUTCOME)).toBe(true);
      expect(await claim()).toEqual({ kind: 'settled', outcome: OUTCOME });
    });

    test('that are settled are not given up, nor changed', async () => {
      const { idempotency, claim, held } = await claimed(10_000);
      await idempotency.settle('t', 'k', held, OUTCOME);
      await idempotency.release('t', 'k', held);
      expect(await idempotency.settle('t', 'k', held, { ...OUTCOME, ids: ['c'] })).toBe(false);
      expect(await claim()).toEqual({ kind: 'settled', outcome: OUTCOME });
    });

    test('that were taken over create nothing', async () => {
      const { idempotency, claim, held } = await claimed(50);
      const fence = idempotency.fence('t', 'k', held);
      await expect.poll(claim).toMatchObject({ kind: 'claimed' });
      const { records } = service.deps;
      const record = { ...(await storeFinished(service)), id: service.deps.newId() };
      const made = await records.createWithin({ perTenant: 0, inAll: 0 }, [record], fence);
      expect(made.kind).toBe('superseded');
      expect(await records.get(record.id)).toBeUndefined();
    });
  });

  test('what a lost process had stored already is found by the repetition, and is the only one', async () => {
    const { idempotency } = service.deps;
    const settle = idempotency.settle.bind(idempotency);
    // The first request never gets any further: its process is lost.
    const stored = new Promise<void>((resolve) => {
      idempotency.settle = async () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    void service.post(photo(), key);
    await stored;
    idempotency.settle = settle;
    expect((await service.post(photo(), key)).json()).toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT' });
    for (const name of await service.redis.keys('*:lease')) await service.redis.del(name);
    const repeated = await service.post(photo(), key);
    expect([repeated.statusCode, repeated.headers['idempotent-replayed']]).toEqual([202, 'true']);
    const { embeddings } = (await service.app.inject('/embeddings')).json();
    expect(embeddings.map(({ id }: { id: string }) => id)).toEqual([repeated.json().id]);
    expect(await service.deps.queues.position(repeated.json().id)).toBe(0);
  });

  test('what is settled is not taken back where the queue fails, since a repetition may have it already', async () => {
    const { queues } = service.deps;
    const enqueue = queues.enqueueEmbed.bind(queues);
    let repetition: string | undefined;
    queues.enqueueEmbed = async () => {
      queues.enqueueEmbed = enqueue;
      repetition = (await service.post(photo(), key)).json().id;
      throw new AppError('UNAVAILABLE', { detail: 'Away.' });
    };
    expect((await service.post(photo(), key)).statusCode).toBe(503);
    expect((await service.app.inject(`/embeddings/${repetition}`)).json()).toMatchObject({ state: 'queued' });
    expect((await service.post(photo(), key)).json().id).toBe(repetition);
    expect(await queues.position(repetition!)).toBe(0);
  });

  test('without a key, what cannot be enqueued is taken back', async () => {
    const { queues } = service.deps;
    queues.enqueueEmbed = async () => {
      throw new AppError('UNAVAILABLE', { detail: 'Away.' });
    };
    expect((await service.post(photo())).statusCode).toBe(503);
    expect((await service.app.inject('/embeddings')).json().embeddings).toEqual([]);
    expect(await service.blobFiles()).toEqual([]);
  });

  test('what was deleted is not made again', async () => {
    const { id } = (await service.post(photo(), key)).json();
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect((await service.post(photo(), key)).json()).toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
    expect(await stored()).toBe(0);
  });

  test.each(['with space', 'ü', 'x'.repeat(256)])('refuses the key %s', async (text) => {
    const refused = await service.post(photo(), { 'idempotency-key': text });
    expect(refused.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(await stored()).toBe(0);
  });
});
