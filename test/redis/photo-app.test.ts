/** `examples/photo-app` in front of the real app. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Latentmorph } from '../../clients/typescript/src/latentmorph.js';
import { photoApp } from '../../examples/photo-app/photo-app.js';
import { loadConfig } from '../../src/config.js';
import { startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { standInWorker } from '../support/stand-in-worker.js';

const FOLDER = new URL('../../examples/photo-app/', import.meta.url);
const PAGE = new URL('page.html', FOLDER);

let redis: TestRedis;
let service: TestApp;
let stopWork: () => Promise<void>;
let backend: ReturnType<typeof serve>;
let url: string;
let token: string;

beforeAll(async () => {
  redis = await startRedis();
  const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys' }), keyPrefix: 'photo-app' };
  service = await startApp(redis.url, { config, now: () => new Date() });
  stopWork = standInWorker(service);
  const baseUrl = await service.app.listen({ host: '127.0.0.1', port: 0 });
  ({ token } = await service.deps.apiKeys.create({ tenant: 'photo-app', name: 'test', admin: false }));
  const photo = await readFile(SMALL_PHOTO);
  const app = photoApp(new Latentmorph({ baseUrl, key: token }), { first: photo, second: photo }, PAGE);
  backend = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await once(backend, 'listening');
  url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
});
afterAll(async () => {
  backend.close();
  await stopWork();
  await service.close();
  await redis.stop();
});

const json = async (path: string) => (await fetch(url + path)).json();
const post = (photo: Blob | string) => {
  const form = new FormData();
  form.set('photo', photo);
  return fetch(`${url}/photos`, { method: 'POST', body: form });
};
const imageAt = async (address: string) => {
  const response = await fetch(address);
  expect([address, response.status]).toEqual([address, 200]);
  return sharp(await response.arrayBuffer()).metadata();
};

test('a visitor uploads a photo, sees the progress, picks a portrait and moves the slider', async () => {
  const listed = async () => (await json('/portraits')) as { id: string; name: string; url: string }[];
  const portraits = await listed();
  expect(portraits.map(({ name }) => name)).toEqual(['first', 'second']);
  expect((await imageAt(portraits[0]!.url)).width).toBeGreaterThan(0);
  expect((await listed())[0]!.id).toBe(portraits[0]!.id);

  const posted = await post(new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]));
  expect(posted.status).toBe(202);
  const { id } = (await posted.json()) as { id: string };
  const events = await (await fetch(`${url}/photos/${id}/events`)).text();
  expect(events).toMatch(/event: result\ndata: succeeded/);

  const urls = (await json(`/morphs/${id}/${portraits[1]!.id}`)) as string[];
  expect(urls).toHaveLength(11);
  for (const one of [urls[0]!, urls[10]!])
    expect(await imageAt(one)).toMatchObject({ format: 'webp', width: 512 });
});

test('the visitor is told what is wrong with a photo, and nothing else', async () => {
  const refused = await post(new Blob(['not a photo']));
  expect([refused.status, await refused.json()]).toEqual([422, { message: expect.stringContaining('JPEG') }]);
  expect((await post('no file')).status).toBe(400);
  expect((await fetch(`${url}/morphs/A/B`)).status).toBe(422);
});

test('the page asks for routes that there are, and neither it nor an answer holds the key', async () => {
  const page = await (await fetch(url)).text();
  const asked = [...page.matchAll(/(?:json|EventSource)\((?:'|`)(\/\w+)/g)].map(([, path]) => path);
  expect(new Set(asked)).toEqual(new Set(['/portraits', '/photos', '/morphs']));
  expect(page + (await (await fetch(`${url}/portraits`)).text())).not.toContain(token.slice(-43));
});

test('all of it has fewer than 150 lines', async () => {
  const files = await readdir(FOLDER);
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, FOLDER), 'utf8')));
  expect(texts.join('').trimEnd().split('\n').length).toBeLessThan(150);
});
