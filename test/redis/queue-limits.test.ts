/** More embeddings than may be unfinished at a time. The consumer stands for a worker that only looks at photos. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Env, loadConfig } from '../../src/config.js';
import { announce } from '../../src/store/workers.js';
import { detection, startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
let faces = 1;
let looks = 0;
beforeAll(async () => {
  server = await startRedis();
  jpeg = new Uint8Array(await readFile(SMALL_PHOTO));
});
afterAll(() => server.stop());
afterEach(() => service.close());

async function open(limits: { tenant?: number; all?: number }, env: Env = {}): Promise<void> {
  const { tenant = 0, all = 0 } = limits;
  const config = loadConfig({
    ...env,
    LATENTMORPH_TENANT_QUEUE_LIMIT: `${tenant}`,
    LATENTMORPH_QUEUE_LIMIT: `${all}`,
  });
  service = await startApp(server.url, { config: { ...config, keyPrefix: `limits-${Math.random()}` } });
  [faces, looks] = [1, 0];
  service.serveRenders(async () => {
    looks++;
    return detection(faces);
  });
}

function post(
  { photos = 1, ...fields }: { photos?: number } & Record<string, string | number> = {},
  headers = {},
) {
  const form = new FormData();
  for (let i = 0; i < photos; i++) form.append('image', new Blob([jpeg]), `${i}.jpg`);
  for (const [name, value] of Object.entries(fields)) form.append(name, `${value}`);
  return service.post(form, headers);
}

const keyOf = async (tenant: string): Promise<Record<string, string>> => {
  const { token } = await service.deps.apiKeys.create({ tenant, name: 'k', admin: false });
  return { authorization: `Bearer ${token}` };
};

/** Ids of all embeddings that are there, and how much is stored and queued. */
async function stored(): Promise<{ ids: string[]; photos: number; jobs: number }> {
  const { embeddings } = (await service.app.inject('/embeddings?limit=100')).json();
  const depths = await service.deps.queues.depths();
  return {
    ids: embeddings.map(({ id }: { id: string }) => id),
    photos: (await service.blobFiles()).filter((path) => path.includes('original')).length,
    jobs: depths.find(({ queue, state }) => queue === 'embed' && state === 'waiting')!.jobs,
  };
}

const codeOf = (answer: { json(): { code?: string } }): string | undefined => answer.json().code;

describe('embeddings of a tenant', () => {
  test('of 20 requests at once exactly as many are accepted as may be unfinished', async () => {
    await open({ tenant: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post()));
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(5);
    expect(refused).toHaveLength(15);
    for (const answer of refused) {
      expect(answer.json()).toMatchObject({ code: 'QUEUE_FULL', unfinished: 5, allowed: 5 });
      expect(answer.headers['retry-after']).toBe('30');
    }
    const { ids, photos, jobs } = await stored();
    expect([ids.length, photos, jobs]).toEqual([5, 5, 5]);
  });

  test('requests of several photos at once are accepted whole or not at all', async () => {
    await open({ tenant: 7 });
    const answers = await Promise.all(Array.from({ length: 6 }, () => post({ photos: 3 })));
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(2);
    const { ids, photos, jobs } = await stored();
    expect([ids.length, photos, jobs]).toEqual([6, 6, 6]);
    // A smaller one still fits.
    expect((await post()).statusCode).toBe(202);
  });

  test('every face counts, and none is stored of a photo whose faces do not all fit', async () => {
    await open({ tenant: 8 });
    faces = 5;
    expect((await post({ face: 'all' })).json().embeddings).toHaveLength(5);
    const refused = await post({ face: 'all' });
    expect(refused.json()).toMatchObject({ code: 'QUEUE_FULL', unfinished: 5, allowed: 8 });
    expect(await stored()).toMatchObject({ photos: 5, jobs: 5 });
    faces = 3;
    expect((await post({ face: 'all' })).statusCode).toBe(202);
  });

  test('a full queue is told of before the photos are looked at', async () => {
    await open({ tenant: 1 });
    await post();
    const before = looks;
    expect(codeOf(await post())).toBe('QUEUE_FULL');
    expect(looks).toBe(before);
  });

  test('room is made by an end of every kind', async () => {
    await open({ tenant: 1 });
    const { records } = service.deps;
    const ends: ((id: string) => Promise<unknown>)[] = [
      async (id) => (await records.begin(id, 1)) && records.succeed(id, 1, {}),
      (id) => records.fail(id, 1, { code: 'ENGINE_FAILED', detail: '' }),
      (id) => service.app.inject({ method: 'POST', url: `/embeddings/${id}/cancel` }),
      (id) => service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` }),
      (id) => records.expire(id),
    ];
    for (const end of ends) {
      const { id } = (await post()).json();
      expect(codeOf(await post())).toBe('QUEUE_FULL');
      await end(id);
    }
    expect((await post()).statusCode).toBe(202);
  });

  test('one that runs has not ended', async () => {
    await open({ tenant: 1 });
    const { id } = (await post()).json();
    await service.deps.records.begin(id, 1);
    await service.deps.records.progress(id, 1, { losses: [1] });
    expect(codeOf(await post())).toBe('QUEUE_FULL');
  });

  test('the others are not kept out', async () => {
    await open({ tenant: 1 }, { LATENTMORPH_AUTH: 'keys' });
    const [acme, other] = [await keyOf('acme'), await keyOf('other')];
    expect((await post({}, acme)).statusCode).toBe(202);
    expect(codeOf(await post({}, acme))).toBe('QUEUE_FULL');
    expect((await post({}, other)).statusCode).toBe(202);
  });

  test('a repetition of a request that was accepted is answered, one that was refused may be repeated', async () => {
    await open({ tenant: 1 });
    const [first, second] = [{ 'idempotency-key': 'a' }, { 'idempotency-key': 'b' }];
    const { id } = (await post({}, first)).json();
    expect(codeOf(await post({}, second))).toBe('QUEUE_FULL');
    const again = await post({}, first);
    expect([again.statusCode, again.json().id]).toEqual([202, id]);
    expect(again.headers['idempotent-replayed']).toBe('true');
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect((await post({}, second)).statusCode).toBe(202);
  });

  test('a partial request gets in what fits, and hears of the rest', async () => {
    await open({ tenant: 2 });
    const answer = await post({ photos: 4, partial: 'true' });
    const results: { index: number; problem?: { code: string; index: number } }[] = answer.json().results;
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(results.map(({ problem }) => problem?.code)).toEqual([
      undefined,
      undefined,
      'QUEUE_FULL',
      'QUEUE_FULL',
    ]);
    expect(results[3]!.problem).toMatchObject({ status: 429, index: 3, unfinished: 2 });
    expect(await stored()).toMatchObject({ photos: 2, jobs: 2 });
    expect(codeOf(await post({ photos: 2, partial: 'true' }))).toBe('QUEUE_FULL');
    expect(await stored()).toMatchObject({ photos: 2, jobs: 2 });
  });

  test('a partial request of which nothing fits is refused as a whole', async () => {
    await open({ tenant: 4 });
    faces = 3;
    expect((await post({ face: 'all' })).statusCode).toBe(202);
    const refused = await post({ photos: 2, face: 'all', partial: 'true' });
    expect([refused.statusCode, codeOf(refused)]).toEqual([429, 'QUEUE_FULL']);
    expect(await stored()).toMatchObject({ photos: 3, jobs: 3 });
  });
});

describe('embeddings in all', () => {
  test('are refused beyond the limit with 503, whoever asks at once', async () => {
    await open({ tenant: 4, all: 5 }, { LATENTMORPH_AUTH: 'keys' });
    const tenants = await Promise.all(['a', 'b', 'c', 'd'].map(keyOf));
    const answers = await Promise.all(tenants.flatMap((key) => [1, 2, 3].map(() => post({}, key))));
    const refused = answers.filter(({ statusCode }) => statusCode === 503);
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(5);
    expect(refused).toHaveLength(7);
    expect(codeOf(refused[0]!)).toBe('BUSY');
    expect(refused[0]!.headers['retry-after']).toBe('30');
    // Nothing tells how much the others have.
    expect(Object.keys(refused[0]!.json()).sort()).toEqual(
      ['code', 'detail', 'instance', 'status', 'title', 'type'].sort(),
    );
  });

  test('a partial request beyond the limit is refused as a whole', async () => {
    await open({ all: 2 });
    const refused = await post({ photos: 3, partial: 'true' });
    expect([refused.statusCode, codeOf(refused)]).toEqual([503, 'BUSY']);
    const { ids, photos, jobs } = await stored();
    expect([ids.length, photos, jobs]).toEqual([0, 0, 0]);
    expect((await post({ photos: 2 })).statusCode).toBe(202);
  });

  test('the time to come back is what the workers need until there is room', async () => {
    await open({ all: 3 });
    const worker = { id: 'w', roles: ['embed' as const], warmUpMs: {}, secondsPerJob: 40 };
    const { redis, config } = service.deps;
    await announce(redis, config.keyPrefix, worker);
    await announce(redis, config.keyPrefix, { ...worker, id: 'w2' });
    await post({ photos: 2 });
    expect((await post({ photos: 4 })).headers['retry-after']).toBe('60');
    expect((await post({ photos: 2 })).headers['retry-after']).toBe('20');
  });

  test('0 is no limit', async () => {
    await open({});
    const answers = await Promise.all(Array.from({ length: 12 }, () => post()));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(12).fill(202));
  });
});
