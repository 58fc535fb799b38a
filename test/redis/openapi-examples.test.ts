/**
 * Every operation of openapi.yaml is asked for as its examples say, with each optional parameter in turn, and every answer is
 * judged by the documented schema. A new operation needs `examples` in its schemas, and at most a row in `WORLD` (what is
 * stored beforehand) or in `TOGETHER` (what a parameter makes no sense without).
 */
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { detection, startApp, storeFinished, type TestApp } from '../support/app.js';
import { type Document, type ExampleRequest, Examples, FILE } from '../support/openapi-examples.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { standInWorker } from '../support/stand-in-worker.js';

/** The id of all examples. */
const ID = 'emb_8Jx0cTq5mYb2LrVw7NfK';

/** What is stored before a request; without a row, one embedding that has succeeded. */
const WORLD: Readonly<Record<string, (service: TestApp) => Promise<unknown>>> = {
  cancelEmbedding: (service) => storeFinished(service, { id: ID, state: 'queued' }),
};

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

const document = parse(await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as Document;
const examples = new Examples(document);
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { binary: true } });
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

  async function storeEmbedding(): Promise<void> {
    const kinds = ['original', 'aligned', 'preview', 'reconstruction', 'latent'];
    const keys = Object.fromEntries(kinds.map((kind) => [kind, `embeddings/${ID}/${kind}`]));
    for (const key of Object.values(keys))
      await service.deps.blobs.put(key, new Uint8Array(await photo.arrayBuffer()));
    await storeFinished(service, {
      id: ID,
      blobs: keys,
      faces: detection(1).faces,
      face: 0,
      width: 1920,
      height: 1280,
      quad: [
        [100, 100],
        [100, 400],
        [400, 400],
        [400, 100],
      ],
    });
  }

  function payloadOf({ contentType, body }: ExampleRequest): FormData | string | undefined {
    if (contentType === undefined) return undefined;
    if (contentType !== 'multipart/form-data') return JSON.stringify(body);
    const form = new FormData();
    for (const [name, value] of Object.entries(body))
      for (const one of [value].flat()) form.append(name, one === FILE ? photo : String(one));
    return form;
  }

  async function ask(request: ExampleRequest, path: string) {
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => request.path[name]!);
    const query = new URLSearchParams(request.query);
    const sent = new Request(`http://localhost${url}?${query}`, {
      method: request.method,
      headers: {
        ...request.headers,
        ...(request.contentType !== 'multipart/form-data' &&
          request.contentType && { 'content-type': request.contentType }),
      },
      body: payloadOf(request),
    });
    return service.app.inject({
      method: request.method as 'GET',
      url: `${url}?${query}`,
      headers: Object.fromEntries(sent.headers),
      ...(request.contentType && { payload: Buffer.from(await sent.arrayBuffer()) }),
    });
  }

  test.each(examples.operations())('$id answers as documented', async ({ id, path, method, operation }) => {
    for (const request of examples.requests(id)) {
      const beside = TOGETHER[id]?.[request.title] ?? {};
      if (request.contentType) request.body = { ...request.body, ...beside };
      else request.query = { ...request.query, ...beside };
      await service.redis.del(`${service.deps.config.keyPrefix}:embedding:${ID}`);
      await (WORLD[id]?.(service) ?? storeEmbedding());

      const answer = await ask(request, path);
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
