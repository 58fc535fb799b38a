/**
 * Every operation of openapi.yaml is asked for as its examples say, with each optional parameter in turn, and every answer is
 * judged by the documented schema. A new operation needs `examples` in its schemas, and at most a row in `WORLD` (what is
 * stored beforehand) and one in `TOGETHER` (what a parameter makes no sense without).
 */
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Quad } from '../../src/contracts.js';
import { detection, startApp, storeFinished, type TestApp } from '../support/app.js';
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

/** The id of all examples. */
const ID = 'emb_8Jx0cTq5mYb2LrVw7NfK';

/** What a row of `WORLD` says better than the examples: ids that the service gave out, bodies that must fit. */
type Instead = Partial<Pick<ExampleRequest, 'path' | 'query' | 'headers' | 'body'>>;

/** What is stored before a request; without a row, one embedding that has succeeded, under the id of the examples. */
const WORLD: Readonly<Record<string, (service: TestApp) => Promise<Instead>>> = {
  // All members are optional, and one of two must be there.
  createEmbeddings: async () => ({ body: { image: FILE } }),
  cancelEmbedding: async (service) => {
    const { id } = await storeFinished(service, { id: ID, state: 'queued' });
    return { path: { id } };
  },
  getWebhook: registered,
  deleteWebhook: registered,
  rotateWebhookSecret: registered,
  enableWebhook: registered,
  testWebhook: registered,
  listDeliveries: delivered,
  redeliver: delivered,
};

/** Registers a webhook. */
async function registered({ app }: TestApp): Promise<Instead> {
  const payload = { url: 'https://example.com/hooks' };
  const answer = await app.inject({ method: 'POST', url: '/webhooks', payload });
  return { path: { id: answer.json().id } };
}

/** And has something to send to it. */
async function delivered(service: TestApp): Promise<Instead> {
  const { path } = await registered(service);
  const url = `/webhooks/${path!.id}/test`;
  const answer = await service.app.inject({ method: 'POST', url });
  return { path: { ...path, deliveryId: answer.json().id } };
}

/** By operation and name of an optional parameter or member: others that it makes no sense without. */
const TOGETHER: Readonly<Record<string, Readonly<Record<string, Record<string, string>>>>> = {
  getMorph: {
    crossover: { mode: 'style' },
    parts: { mode: 'region' },
    into: { placement: 'original' },
  },
  postMorph: { into: { placement: 'original' } },
  getMorphGrid: { mode: { rows: 'crossovers' } },
  getMorphAnimation: { crossover: { mode: 'style' }, parts: { mode: 'region' } },
  getMorphSmoothness: { crossover: { mode: 'style' } },
  getEmbeddingImage: {
    size: { kind: 'reconstruction', placement: 'original' },
    format: { kind: 'reconstruction', placement: 'original' },
    quality: { kind: 'reconstruction', placement: 'original' },
  },
};

/** By operation: optional parameters and members whose values come from elsewhere, and where they are tested. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  // test/redis/latents.test.ts: a file that the service wrote, and its generator.
  createEmbeddings: ['latent', 'generator'],
};

const document = parse(await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as Document;
const examples = new Examples(document);
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { ...fullFormats, binary: true } });
ajv.addSchema(document, 'openapi');

/** Why the value is not what the document says at the place; empty where it is. */
function objections(value: unknown, ...place: string[]): unknown[] {
  const pointer = place
    .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))
    .map(encodeURIComponent);
  const validate = ajv.compile({ $ref: `openapi#/${pointer.join('/')}` });
  return validate(value) ? [] : (validate.errors ?? []);
}

describe('every operation', () => {
  test('of a row is in the document', () => {
    const known = examples.operations().map(({ id }) => id);
    expect(known).toEqual(
      expect.arrayContaining([WORLD, TOGETHER, ELSEWHERE].flatMap((rows) => Object.keys(rows))),
    );
  });

  test.each(examples.operations())(
    '$id has examples of what it answers, and they fit',
    ({ path, method, operation }) => {
      for (const [status, { content = {} }] of Object.entries(operation.responses))
        for (const [type, { schema }] of Object.entries(content)) {
          if (!/[/+]json$/.test(type)) continue;
          const example = examples.of(schema!, `${operation.operationId} ${status}`);
          const place = ['paths', path, method.toLowerCase(), 'responses', status, 'content', type, 'schema'];
          expect([status, objections(example, ...place)]).toEqual([status, []]);
        }
    },
  );
});

describe('asked for by its examples', () => {
  let server: TestRedis;
  let service: TestApp;
  let stopWork: () => Promise<void>;
  let photo: Blob;

  beforeAll(async () => {
    server = await startRedis();
    photo = new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    service = await startApp(server.url, { now: () => new Date() });
    stopWork = standInWorker(service);
  });
  afterEach(async () => {
    await stopWork();
    await service.close();
  });

  async function storeEmbedding(): Promise<Instead> {
    const kinds = ['original', 'aligned', 'preview', 'reconstruction', 'latent'];
    const blobs = Object.fromEntries(kinds.map((kind) => [kind, `embeddings/${ID}/${kind}`]));
    for (const key of Object.values(blobs))
      await service.deps.blobs.put(key, new Uint8Array(await photo.arrayBuffer()));
    const quad: Quad = [
      [100, 100],
      [100, 400],
      [400, 400],
      [400, 100],
    ];
    const { faces } = detection(1);
    await storeFinished(service, { id: ID, blobs, faces, face: 0, width: 1920, height: 1280, quad });
    return {};
  }

  test.each(examples.operations())('$id answers as documented', async ({ id, path, method, operation }) => {
    for (const example of examples.requests(id)) {
      if (ELSEWHERE[id]?.includes(example.title)) continue;
      await service.redis.del(`${service.deps.config.keyPrefix}:embedding:${ID}`);
      const instead = await (WORLD[id]?.(service) ?? storeEmbedding());
      const request = { ...example, ...instead };
      if (instead.body !== undefined && typeof example.body === 'object')
        request.body = { ...example.body, ...instead.body };
      const beside = TOGETHER[id]?.[request.title] ?? {};
      if (request.contentType === undefined) request.query = { ...request.query, ...beside };
      else if (typeof request.body === 'object') request.body = { ...request.body, ...beside };

      const sent = requestOf(request, path, photo);
      const answer = await service.app.inject({
        method: request.method as 'GET',
        url: sent.url.slice('http://localhost'.length),
        headers: Object.fromEntries(sent.headers),
        ...(sent.body && { payload: Buffer.from(await sent.arrayBuffer()) }),
      });
      const status = String(answer.statusCode);
      const what = `${request.title}: ${status} ${answer.statusCode >= 400 ? answer.body : ''}`;
      const documented = operation.responses[status];
      expect(documented, `${what} is not documented`).toBeDefined();
      const type = answer.headers['content-type']?.toString().split(';')[0] ?? '';
      expect(type, what).not.toBe('application/problem+json');
      if (!documented!.content) continue;
      expect(Object.keys(documented!.content), what).toContain(type);
      if (!/[/+]json$/.test(type)) continue;
      const place = ['paths', path, method.toLowerCase(), 'responses', status, 'content', type, 'schema'];
      expect([what, objections(answer.json(), ...place)]).toEqual([what, []]);
    }
  });
});
