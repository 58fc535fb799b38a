import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Role } from '../../src/config.js';
import { announce } from '../../src/store/workers.js';
import { startApp, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;

beforeAll(async () => {
  server = await startRedis();
});
afterEach(() => service.close());
afterAll(() => server.stop());

const worker = (id: string, roles: Role[]) => ({
  id,
  roles,
  device: 'cpu',
  generator: { name: 'generator', hash: 'g1' },
  warmUpMs: { render: 300 },
  batch: { size: 2 as const, why: 'measured' as const, speeds: [{ batch: 2, alone: 500.5, together: 450 }] },
});

test('is ready only with a live worker of each role', async () => {
  service = await startApp(server.url);
  const { keyPrefix } = service.deps.config;
  expect((await service.app.inject('/healthz')).json()).toEqual({ status: 'ok' });
  const none = await service.app.inject('/readyz');
  expect([none.statusCode, none.json()]).toEqual([
    503,
    { ready: false, redis: true, storage: 'ok', missing: ['embed', 'render', 'upkeep'], workers: [] },
  ]);
  await announce(service.redis, keyPrefix, worker('w1', ['render', 'upkeep']));
  expect((await service.app.inject('/readyz')).json()).toMatchObject({ ready: false, missing: ['embed'] });
  await announce(service.redis, keyPrefix, worker('w2', ['embed']));
  const both = await service.app.inject('/readyz');
  expect(both.statusCode).toBe(200);
  expect(both.json().workers).toContainEqual(worker('w1', ['render', 'upkeep']));
});

test('is not ready while it stops', async () => {
  service = await startApp(server.url, { isDraining: () => true });
  await announce(service.redis, service.deps.config.keyPrefix, worker('w1', ['render', 'embed']));
  expect((await service.app.inject('/readyz')).statusCode).toBe(503);
});

test('answers 503 with a problem while Redis is away, and stays alive', async () => {
  const own = await startRedis();
  service = await startApp(own.url);
  await own.stop();
  await expect.poll(() => service.redis.status).not.toBe('ready');
  const response = await service.app.inject('/embeddings/emb_x');
  expect(response.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect(response.headers['retry-after']).toBe('2');
  expect((await service.app.inject('/readyz')).json()).toMatchObject({ ready: false, redis: false });
  expect((await service.app.inject('/healthz')).statusCode).toBe(200);
});

test.each([
  ['GET', '/nowhere', 404, 'NOT_FOUND'],
  ['PUT', '/embeddings', 405, 'METHOD_NOT_ALLOWED'],
  ['GET', '/%zz', 400, 'BAD_REQUEST'],
] as const)('answers %s %s with a problem', async (method, url, status, code) => {
  service = await startApp(server.url);
  const response = await service.app.inject({ method, url });
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(response.json()).toMatchObject({
    status,
    code,
    title: expect.any(String),
    instance: expect.any(String),
  });
});

test('serves its description and self-contained docs', async () => {
  service = await startApp(server.url);
  const yaml = await service.app.inject('/openapi.yaml');
  expect(yaml.headers['content-type']).toMatch(/^application\/yaml/);
  expect(yaml.payload).toContain('/embeddings/{id}/image');
  const page = await service.app.inject('/docs/');
  expect(page.statusCode).toBe(200);
  expect(page.payload).not.toMatch(/(src|href)="https?:/);
});
