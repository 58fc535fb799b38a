/** Device seconds of a day, and what a tenant may do when they are used up. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { Usage } from '../../src/store/usage.js';
import { detection, startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
let now = new Date('2026-01-31T18:00:00Z');
beforeAll(async () => {
  server = await startRedis();
  jpeg = new Uint8Array(await readFile(SMALL_PHOTO));
});
afterAll(() => server.stop());
beforeEach(async () => {
  now = new Date('2026-01-31T18:00:00Z');
  const config = {
    ...loadConfig({ LATENTMORPH_AUTH: 'keys', LATENTMORPH_DEVICE_SECONDS_PER_DAY: '100' }),
    keyPrefix: `quota-${Math.random()}`,
  };
  service = await startApp(server.url, { config, now: () => now });
  service.serveRenders(async () => detection(1));
});
afterEach(() => service.close());

async function keyOf(tenant: string, deviceSecondsPerDay?: number): Promise<string> {
  const key = { tenant, name: 'k', admin: false, deviceSecondsPerDay };
  return (await service.deps.apiKeys.create(key)).token;
}

async function post(token: string) {
  const form = new FormData();
  form.set('image', new Blob([jpeg]), 'a.jpg');
  return service.post(form, { authorization: `Bearer ${token}` });
}

const use = (tenant: string, seconds: number) => service.deps.usage.add(tenant, seconds, now);

test('a tenant that has used up its day is refused until midnight, and no other', async () => {
  const [acme, other] = [await keyOf('acme'), await keyOf('other')];
  await use('acme', 60.25);
  expect((await post(acme)).statusCode).toBe(202);
  await use('acme', 39.75);
  const refused = await post(acme);
  expect(refused.json()).toMatchObject({ status: 429, code: 'QUOTA_EXCEEDED', used: 100, allowed: 100 });
  expect(refused.headers['retry-after']).toBe(String(6 * 3600));
  expect((await post(other)).statusCode).toBe(202);
  // What is there can be read and morphed.
  const list = { url: '/embeddings', headers: { authorization: `Bearer ${acme}` } };
  expect((await service.app.inject(list)).statusCode).toBe(200);
  now = new Date('2026-02-01T00:00:00Z');
  expect((await post(acme)).statusCode).toBe(202);
});

test('a key may have a quota of its own, or none', async () => {
  await use('acme', 150);
  expect((await post(await keyOf('acme'))).statusCode).toBe(429);
  expect((await post(await keyOf('acme', 200))).statusCode).toBe(202);
  expect((await post(await keyOf('acme', 0))).statusCode).toBe(202);
  expect((await post(await keyOf('acme', 150))).json()).toMatchObject({ used: 150, allowed: 150 });
});

test('a refused request is not even read', async () => {
  const token = await keyOf('acme');
  await use('acme', 100);
  const answer = await service.app.inject({
    method: 'POST',
    url: '/embeddings',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=x' },
    payload: 'nonsense',
  });
  expect(answer.json().code).toBe('QUOTA_EXCEEDED');
  expect(await service.blobFiles()).toEqual([]);
});

test('days are counted apart and forgotten after 40', async () => {
  const usage = new Usage(service.redis, 'u');
  await usage.add('a', 1.5, new Date('2026-01-31T23:59:59Z'));
  await usage.add('a', 2, new Date('2026-02-01T00:00:00Z'));
  await usage.add('a', 0.25, new Date('2026-01-31T00:00:00Z'));
  expect(await usage.ofDay('a', now)).toBe(1.75);
  expect(await usage.ofDay('b', now)).toBe(0);
  expect(await service.redis.ttl('u:usage:2026-01-31')).toBeGreaterThan(39 * 86_400);
});
