/** What the API still answers, and how soon, while its Redis is cut off. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { startApp, storePair, type TestApp } from '../support/app.js';
import { type ProxyMode, TcpProxy } from '../support/fleet/tcp-proxy.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]);

let server: TestRedis;
let proxy: TcpProxy;
let service: TestApp;
let headers: { authorization: string };
let a: string;
let b: string;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const { hostname, port } = new URL(server.url);
  proxy = await TcpProxy.to(hostname, Number(port));
  const config = {
    ...loadConfig({ LATENTMORPH_AUTH: 'keys' }),
    keyPrefix: `away-${Math.random().toString(36).slice(2)}`,
  };
  service = await startApp(proxy.through(server.url), { config });
  [a, b] = await storePair(service);
  const { token } = await service.deps.apiKeys.create({ tenant: 'default', name: 'test', admin: false });
  headers = { authorization: `Bearer ${token}` };
  service.serveRenders(async (job, { blobs }) => {
    if (job.kind === 'morph') await blobs.put(renderBlob(job.key), JPEG);
  });
});
afterEach(async () => {
  proxy.mode = 'pass';
  await expect.poll(() => service.redis.status).toBe('ready');
  await service.close();
  await proxy.close();
});

const get = (url: string, more = {}) => service.app.inject({ url, headers: { ...headers, ...more } });
const morph = (lambda: number, more = {}) => get(`/morph?a=${a}&b=${b}&lambda=${lambda}`, more);

describe.each<ProxyMode>(['refuse', 'silent'])('while Redis is cut off (%s)', (mode) => {
  test('a morph that is cached is served, with its tag, and one that is not is refused', async () => {
    const before = await morph(0.5);
    expect(before.statusCode).toBe(200);
    proxy.mode = mode;
    // Longer than a look at a key holds.
    for (const until = Date.now() + 5_000; Date.now() < until; ) {
      const cached = await morph(0.5);
      expect(cached.statusCode).toBe(200);
      expect(cached.rawPayload).toEqual(JPEG);
      expect(cached.headers.etag).toBe(before.headers.etag);
    }
    expect((await morph(0.5, { 'if-none-match': before.headers.etag })).statusCode).toBe(304);
    expect((await morph(0.25)).json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  });

  test('nobody gets in with a key that was not seen before', async () => {
    const { token } = await service.deps.apiKeys.create({ tenant: 'default', name: 'other', admin: false });
    await morph(0.5);
    proxy.mode = mode;
    const answer = await morph(0.5, { authorization: `Bearer ${token}` });
    expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  });

  test('a status read waits for it once at most, and is answered again when Redis is back', async () => {
    expect((await get(`/embeddings/${a}`)).statusCode).toBe(200);
    proxy.mode = mode;
    // The first one may find out.
    expect((await get(`/embeddings/${a}`)).statusCode).toBe(503);
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const begun = performance.now();
      const refused = await get(`/embeddings/${a}`);
      times.push(performance.now() - begun);
      expect(refused.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
      expect(refused.headers['retry-after']).toBeDefined();
    }
    expect(times.sort((x, y) => x - y)[197]).toBeLessThan(100);
    proxy.mode = 'pass';
    await expect.poll(async () => (await get(`/embeddings/${a}`)).statusCode).toBe(200);
  });
});

test('a photo whose request meets an outage after it was stored is deleted at once', async () => {
  const { blobs } = service.deps;
  const put = blobs.put.bind(blobs);
  blobs.put = async (key, bytes) => {
    await put(key, bytes);
    if (key.endsWith('original.jpg')) proxy.mode = 'refuse';
  };
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), 'photo.jpg');
  const answer = await service.post(form, { ...headers, 'idempotency-key': 'a' });
  expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect((await service.blobFiles()).filter((path) => path.endsWith('.jpg'))).toEqual([]);
});

test('what was sent when the connection broke fails at once', async () => {
  proxy.mode = 'silent';
  const begun = performance.now();
  const asked = get(`/embeddings/${a}`);
  proxy.mode = 'refuse';
  expect((await asked).json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect(performance.now() - begun).toBeLessThan(1_000);
});
