/** What belongs to a tenant is to every other one as if it had never been: every route, by every id that it takes. */
import { readFile } from 'node:fs/promises';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { startApp, storeFinished, type TestApp } from '../support/app.js';
import {
  type Document,
  type ExampleRequest,
  Examples,
  FILE,
  requestOf,
} from '../support/openapi-examples.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { standInWorker } from '../support/stand-in-worker.js';

const document = parse(await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as Document;
const examples = new Examples(document);

/** An id of each kind as the examples have it, and where such ids come from. */
const UNKNOWN_EMBEDDING = 'emb_00000000000000000000';
const UNKNOWN_WEBHOOK = 'wh_000000000000000000000000';

/** Operations whose answer has nothing to do with ids that others made up. */
const WITHOUT_IDS = [
  'createEmbeddings',
  'createSignedUrl',
  'createWebhook',
  'getHealth',
  'getMetrics',
  'getOpenApi',
  'getReadiness',
  'listEmbeddings',
  'listFaces',
  'listWebhooks',
];

let server: TestRedis;
let service: TestApp;
let stopWork: () => Promise<void>;
let photo: Blob;
let ours: { key: string; embedding: string; webhook: string };
let theirs: typeof ours;

beforeAll(async () => {
  server = await startRedis();
  photo = new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]);
  const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys' }), keyPrefix: 'tenants' };
  service = await startApp(server.url, { config, now: () => new Date() });
  stopWork = await standInWorker(service);
  ours = await settle('ours');
  theirs = await settle('theirs');
});
afterAll(async () => {
  await stopWork();
  await service.close();
  await server.stop();
});

/** A tenant with a key, an embedding and a webhook. */
async function settle(tenant: string): Promise<typeof ours> {
  const { token: key } = await service.deps.apiKeys.create({ tenant, name: 'k', admin: false });
  const { id: embedding } = await storeFinished(service, { tenant });
  const answer = await service.app.inject({
    method: 'POST',
    url: '/webhooks',
    headers: { authorization: `Bearer ${key}` },
    payload: { url: 'https://example.com/hooks' },
  });
  return { key, embedding, webhook: answer.json().id };
}

/** Asks with our key, all ids of the kind in the example replaced. */
async function ask(example: ExampleRequest, path: string, ids: { embedding: string; webhook: string }) {
  const id = path.startsWith('/webhooks') ? ids.webhook : ids.embedding;
  const replaced = JSON.parse(
    JSON.stringify({ path: example.path, query: example.query, body: example.body ?? null }),
    (name, value) => (name === 'id' || name === 'a' || name === 'b' || name === 'into' ? id : value),
  );
  const body = example.body === undefined || example.body === FILE ? example.body : replaced.body;
  const sent = requestOf({ ...example, ...replaced, body }, path, photo);
  return service.app.inject({
    method: example.method as 'GET',
    url: sent.url.slice('http://localhost'.length),
    headers: { ...Object.fromEntries(sent.headers), authorization: `Bearer ${ours.key}` },
    ...(sent.body && { payload: Buffer.from(await sent.arrayBuffer()) }),
  });
}

/** What a client can tell by: all but the time, and the ids that it sent itself. */
function seen(answer: LightMyRequestResponse, ids: { embedding: string; webhook: string }) {
  const {
    date,
    'content-length': _length,
    'ratelimit-remaining': _remaining,
    'x-request-id': _id,
    ...headers
  } = answer.headers;
  const { instance, ...body } = answer.body === '' ? { instance: '' } : answer.json();
  const text = JSON.stringify(body).replaceAll(ids.embedding, 'ID').replaceAll(ids.webhook, 'ID');
  return { status: answer.statusCode, headers, text };
}

const withIds = examples.operations().filter(({ id }) => !WITHOUT_IDS.includes(id));

describe('an id of another tenant', () => {
  test('is tried on every operation that takes one', () => {
    const known = examples.operations().map(({ id }) => id);
    expect(withIds.length).toBeGreaterThan(14);
    for (const { operation } of examples.operations().filter(({ id }) => WITHOUT_IDS.includes(id)))
      expect((operation.parameters ?? []).filter(({ in: place }) => place === 'path')).toEqual([]);
    expect(known).toEqual(expect.arrayContaining(withIds.map(({ id }) => id)));
  });

  test.each(withIds)('is as unknown to $id as one that was never given out', async ({ id, path }) => {
    const unknown = { embedding: UNKNOWN_EMBEDDING, webhook: UNKNOWN_WEBHOOK };
    for (const example of examples.requests(id)) {
      const foreign = seen(await ask(example, path, theirs), theirs);
      expect(foreign, example.title).toEqual(seen(await ask(example, path, unknown), unknown));
      expect([400, 404], example.title).toContain(foreign.status);
      expect(foreign.text).not.toMatch(/theirs/);
    }
    const [least] = examples.requests(id);
    expect(seen(await ask(least!, path, theirs), theirs).status).toBe(404);
  });

  test('does no harm to what it stands for', async () => {
    for (const [url, key] of [
      [`/embeddings/${theirs.embedding}`, theirs.key],
      [`/webhooks/${theirs.webhook}`, theirs.key],
    ] as const) {
      const answer = await service.app.inject({ url, headers: { authorization: `Bearer ${key}` } });
      expect(answer.statusCode).toBe(200);
    }
    const list = await service.app.inject({
      url: '/embeddings',
      headers: { authorization: `Bearer ${ours.key}` },
    });
    expect(list.json().embeddings.map(({ id }: { id: string }) => id)).toEqual([ours.embedding]);
  });
});
