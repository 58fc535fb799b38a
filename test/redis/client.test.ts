/** The TypeScript client on the real app, over HTTP. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Latentmorph, LatentmorphError } from '../../clients/typescript/src/latentmorph.js';
import { loadConfig } from '../../src/config.js';
import { detection, startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { standInWorker } from '../support/stand-in-worker.js';

let server: TestRedis;
let service: TestApp;
let client: Latentmorph;
let baseUrl: string;
let stopWork: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  // Keys, as a client meets them in production.
  const keyPrefix = `client-${Math.random().toString(36).slice(2)}`;
  const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys' }), keyPrefix };
  service = await startApp(server.url, { config, now: () => new Date() });
  baseUrl = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const { token } = await service.deps.apiKeys.create({ tenant: 'acme', name: 'test', admin: false });
  client = new Latentmorph({ baseUrl, key: token });
});
afterEach(async () => {
  await stopWork();
  stopWork = async () => undefined;
  await service.close();
});

const photo = (): Promise<Buffer> => readFile(SMALL_PHOTO);
const work = (): void => {
  stopWork = standInWorker(service);
};

test('embeds a photo, tells of the progress, and morphs', async () => {
  work();
  const steps: number[] = [];
  const options = { preset: 'draft', seed: 7 } as const;
  const a = await client.embedAndWait(await photo(), options, { onProgress: ({ step }) => steps.push(step) });
  expect(a).toMatchObject({ state: 'succeeded', options: { preset: 'draft', seed: 7, steps: 20 } });
  expect(steps.at(-1)).toBe(4);
  const b = await client.embedAndWait(new Blob([new Uint8Array(await photo())]));
  const bytes = await client.morph({ a: a.id, b: b.id, lambda: 0.5, size: 64, format: 'webp' });
  expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width: 64 });
  expect(await sharp(await client.image(a.id, { kind: 'aligned' })).metadata()).toMatchObject({ width: 256 });
  await client.delete(a.id);
  await expect(client.morph({ a: a.id, b: b.id })).rejects.toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
});

test('gives addresses that a browser can load without the key, and others that it cannot', async () => {
  work();
  const { id } = await client.embedAndWait(await photo());
  const query = { a: id, b: id, size: 64 };
  expect((await fetch(client.morphUrl(query))).status).toBe(401);
  const [morph, image] = await client.signUrls([
    client.morphUrl(query),
    client.imageUrl(id, { kind: 'aligned' }),
  ]);
  for (const url of [morph!, image!, await client.signedMorphUrl(query, { expiresIn: 60 })])
    expect([url, (await fetch(url)).headers.get('content-type')]).toEqual([url, 'image/jpeg']);
});

test('lists page after page, finds, and cancels', async () => {
  service.serveRenders(async () => detection(1));
  const posted = await client.embedMany([await photo(), await photo(), await photo()]);
  const found: string[] = [];
  for await (const { id } of client.list({ limit: 2, state: 'queued' })) found.push(id);
  expect(found.sort()).toEqual(posted.map(({ id }) => id).sort());
  const { id } = posted[0]!;
  expect((await client.cancel(id)).state).toBe('cancelled');
  expect((await client.get(id)).state).toBe('cancelled');
  await expect(client.wait(id)).rejects.toMatchObject({ code: 'EMBEDDING_NOT_READY' });
});

test('follows an embedding by its events', async () => {
  work();
  const { id } = await client.embed(await photo());
  const types = new Set<string>();
  for await (const event of client.events(id)) types.add(event.type);
  expect([...types].at(-1)).toBe('result');
  expect(types).toContain('state');
});

test('an upload whose answer is lost is repeated and makes one embedding', async () => {
  work();
  const { token } = await service.deps.apiKeys.create({ tenant: 'lossy', name: 'test', admin: false });
  let requests = 0;
  const lossy: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    if (requests++ === 0) throw new TypeError('The connection was lost.');
    return response;
  };
  const unlucky = new Latentmorph({ baseUrl, key: token, fetch: lossy });
  const { id } = await unlucky.embed(await photo());
  expect(requests).toBe(2);
  const found: string[] = [];
  for await (const one of unlucky.list()) found.push(one.id);
  expect(found).toEqual([id]);
  await client.embed(await photo(), { seed: 1 }, { idempotencyKey: 'k' });
  await expect(client.embed(await photo(), {}, { idempotencyKey: 'k' })).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
});

test('refusals are typed errors that name the request', async () => {
  const refused = client.embed(Buffer.from('not a photo'));
  await expect(refused).rejects.toBeInstanceOf(LatentmorphError);
  await expect(refused).rejects.toMatchObject({
    code: 'IMAGE_UNSUPPORTED',
    status: 415,
    requestId: expect.any(String),
  });
  const stranger = new Latentmorph({ baseUrl });
  await expect(stranger.get('emb_1')).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
});

test('any operation can be asked for by its name', async () => {
  expect((await client.request('getHealth')).data).toEqual({ status: 'ok' });
  const { status, data } = await client.request('getReadiness');
  expect([status, data.missing]).toEqual([503, ['embed', 'render', 'upkeep']]);
  expect((await client.request('getOpenApi')).data).toMatch(/^# Generated|^openapi/);
});
