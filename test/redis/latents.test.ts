/** Latents out and in. The consumer stands for a worker: it draws nothing and mixes nothing. */
import { describe, expect, test } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { AppError } from '../../src/errors.js';
import type { RenderJob } from '../../src/jobs.js';
import { LATENT_FORMATS, readLatent, writeLatent } from '../../src/latent-files/latent-file.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { announce } from '../../src/store/workers.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, 2)]);
const SIZE = 16 * 512;
const generator = { name: 'generator', hash: 'g1' };
const values = Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i));

let service: TestApp;
let jobs: RenderJob[];
/** What the worker thinks of a latent. */
let judge: () => void;

eachTestOnApp(async (app) => {
  service = app;
  jobs = [];
  judge = () => undefined;
  app.serveRenders(async (job, { blobs }) => {
    jobs.push(job);
    judge();
    if (job.kind === 'reconstruct') await blobs.put(job.image, PNG);
    else if ('key' in job) await blobs.put(renderBlob(job.key), PNG);
    return undefined;
  });
  await work();
});

/** Says that a worker is alive and has loaded this generator. */
const work = (loaded = generator) =>
  announce(service.redis, service.deps.config.keyPrefix, {
    id: 'w1',
    roles: ['render'],
    generator: loaded,
    warmUpMs: {},
  });

/** An embedding that has succeeded, with a latent. */
async function store(patch: Partial<EmbeddingRecord> = {}): Promise<EmbeddingRecord> {
  const record = await storeFinished(service, patch);
  if (record.blobs.latent) await service.deps.blobs.put(record.blobs.latent, Buffer.from(values.buffer));
  return record;
}

const get = (id: string, query = '', headers: Record<string, string> = {}) =>
  service.app.inject({ url: `/embeddings/${id}/latent${query}`, headers });

function form(file: Uint8Array, fields: Record<string, string> = {}): FormData {
  const data = new FormData();
  data.append('latent', new Blob([Uint8Array.from(file)]), 'latent');
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  return data;
}
const npy = (numbers = values) => writeLatent('npy', { id: 'x', generator, values: numbers });

async function expectNothingStored(): Promise<void> {
  expect(await service.blobFiles()).toEqual([]);
  const { keyPrefix } = service.deps.config;
  expect(await service.redis.keys(`${keyPrefix}:embedding:*`)).toEqual([]);
  expect(await service.redis.exists(`${keyPrefix}:deleting`)).toBe(0);
}

describe('GET /embeddings/{id}/latent', () => {
  test.each([
    ['npy', 'application/x-npy'],
    ['safetensors', 'application/x-safetensors'],
    ['json', 'application/json'],
  ] as const)('answers as %s what is asked for by `format` or `Accept`', async (format, type) => {
    const { id } = await store();
    const asked = await get(id, `?format=${format}`);
    const accepted = await get(id, '', { accept: `${type}, */*;q=0.1` });
    for (const answer of [asked, accepted]) {
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([
        200,
        expect.stringContaining(type),
      ]);
      expect(answer.headers['latent-generator']).toBe('generator:g1');
      expect(answer.headers['content-disposition']).toBe(`attachment; filename="${id}.${format}"`);
      expect(readLatent(answer.rawPayload).values).toEqual(values);
    }
    expect([asked.headers.vary, accepted.headers.vary]).toEqual([undefined, 'accept']);
  });

  test('is .npy where nothing is asked for', async () => {
    const { id } = await store();
    for (const accept of ['', '*/*', 'image/png'])
      expect((await get(id, '', { accept })).headers['content-type']).toBe('application/x-npy');
  });

  test('has a strong ETag of latent and format', async () => {
    const { id } = await store();
    const etag = String((await get(id)).headers.etag);
    expect(etag).toMatch(/^"[0-9a-f]{64}\.npy"$/);
    const again = await get(id, '', { 'if-none-match': etag });
    expect([again.statusCode, again.rawPayload.length]).toEqual([304, 0]);
    expect((await get(id, '?format=json', { 'if-none-match': etag })).statusCode).toBe(200);
  });

  test('gives the last good latent of one that diverged, and none of others', async () => {
    const lastGood = { step: 20, loss: 5000 };
    expect((await get((await store({ state: 'failed', lastGood })).id)).statusCode).toBe(200);
    for (const state of ['queued', 'running', 'failed', 'cancelled'] as const) {
      const { id } = await store({ state, ...(state === 'queued' && { lastGood }) });
      expect((await get(id)).json()).toMatchObject({ status: 409, code: 'EMBEDDING_NOT_READY', state });
    }
    expect((await get('emb_x')).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
    const other = await store({ tenant: 'other' });
    expect((await get(other.id)).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
  });
});

describe('POST /embeddings with a latent', () => {
  test('keeps it as an embedding that has succeeded, drawn, and told to followers', async () => {
    const sent = form(npy(), { generator: 'any name:g1', labels: 'imported', reference: 'r' });
    const answer = await service.post(sent);
    const body = answer.json();
    expect([answer.statusCode, answer.headers.location]).toEqual([200, `/embeddings/${body.id}`]);
    expect(body).toMatchObject({
      state: 'succeeded',
      imported: true,
      generator,
      labels: ['imported'],
      reference: 'r',
      finishedAt: body.createdAt,
    });
    expect(Object.keys(body.links)).toEqual(['self', 'reconstruction']);
    const image = await service.app.inject(body.links.reconstruction);
    expect([image.statusCode, image.rawPayload.equals(PNG)]).toEqual([200, true]);
    expect(jobs).toHaveLength(1);
    const { keyPrefix } = service.deps.config;
    const [told] = await service.redis.xrange(`${keyPrefix}:outbox`, '-', '+');
    expect(told![1]).toEqual(expect.arrayContaining(['embedding.succeeded', body.id, 'default']));
    const [event] = await service.redis.xrange(`${keyPrefix}:events:${body.id}`, '-', '+');
    expect(event![1]).toEqual(expect.arrayContaining(['result']));
    expect((await service.app.inject('/embeddings?label=imported')).json().embeddings).toHaveLength(1);
  });

  test.each(LATENT_FORMATS)('gives back what was exported as %s, bit for bit', async (format) => {
    const record = await store();
    const file = (await get(record.id, `?format=${format}`)).rawPayload;
    const fields = format === 'npy' ? { generator: 'generator:g1' } : ({} as Record<string, string>);
    const { id } = (await service.post(form(file, fields))).json();
    const imported = (await service.deps.records.get(id))!;
    const bytes = await service.deps.blobs.get(imported.blobs.latent!);
    expect(bytes!.equals(Buffer.from(values.buffer))).toBe(true);
    const morph = await service.app.inject(`/morph?a=${id}&b=${record.id}`);
    expect(morph.statusCode).toBe(200);
  });

  test('is deleted with everything that was made of it', async () => {
    const { id } = (await service.post(form(npy(), { generator: 'g:g1' }))).json();
    await service.app.inject(`/morph?a=${id}&b=${id}`);
    expect(await service.blobFiles()).toHaveLength(3);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect(await service.blobFiles()).toEqual([]);
  });

  test('has no photo to be drawn into', async () => {
    const { id } = (await service.post(form(npy(), { generator: 'g:g1' }))).json();
    const placed = await service.app.inject(`/embeddings/${id}/image?kind=reconstruction&placement=original`);
    expect(placed.json()).toMatchObject({ status: 409, code: 'ORIGINAL_NOT_KEPT' });
  });

  test('the same request again with the same key gets the same embedding', async () => {
    const send = () => service.post(form(npy(), { generator: 'g:g1' }), { 'idempotency-key': 'k' });
    const [first, again] = [await send(), await send()];
    expect(again.json()).toEqual(first.json());
    expect(again.headers['idempotent-replayed']).toBe('true');
    const other = form(npy(values.map((x) => -x)), { generator: 'g:g1' });
    expect((await service.post(other, { 'idempotency-key': 'k' })).json().code).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  describe('is refused', () => {
    const safetensors = () =>
      writeLatent('safetensors', { id: 'x', generator: { name: 'other', hash: 'g2' }, values });

    test.each([
      ['of nobody knows which generator', () => form(npy()), /Nothing says which.*generator:g1/],
      [
        'of another generator',
        () => form(npy(), { generator: 'other:g2' }),
        /'other:g2'; expected generator:g1/,
      ],
      [
        'of another generator, as its file tells',
        () => form(safetensors()),
        /'other:g2'; expected generator:g1/,
      ],
      [
        'whose file contradicts the form',
        () => form(safetensors(), { generator: 'generator:g1' }),
        /'generator:g1' and 'other:g2'/,
      ],
    ])('when it is %s', async (_, sent, detail) => {
      const answer = (await service.post(sent())).json();
      expect(answer).toMatchObject({ status: 422, code: 'LATENT_GENERATOR_MISMATCH', generator });
      expect(answer.detail).toMatch(detail);
      await expectNothingStored();
    });

    test('when the worker finds it far from all that the generator makes', async () => {
      judge = () => {
        throw new AppError('LATENT_INVALID', { detail: 'Far away.' });
      };
      const answer = (await service.post(form(npy(), { generator: 'g:g1' }))).json();
      expect(answer).toMatchObject({ status: 422, code: 'LATENT_INVALID', detail: 'Far away.' });
      await expectNothingStored();
    });

    test('when no worker tells which generator is served', async () => {
      await service.redis.del(`${service.deps.config.keyPrefix}:worker:w1`);
      const answer = await service.post(form(npy(), { generator: 'g:g1' }));
      expect(answer.json()).toMatchObject({ status: 503, code: 'BUSY' });
      await expectNothingStored();
    });

    test.each([
      [
        'a file that is none',
        () => form(Buffer.from('hello, world'), { generator: 'g:g1' }),
        422,
        'LATENT_INVALID',
      ],
      ['an empty file', () => form(Buffer.alloc(0), { generator: 'g:g1' }), 422, 'LATENT_INVALID'],
      ['more than a MiB', () => form(Buffer.alloc(2 ** 20 + 1), {}), 413, 'PAYLOAD_TOO_LARGE'],
      ['an option', () => form(npy(), { steps: '5' }), 400, 'BAD_REQUEST'],
      ['a choice of faces', () => form(npy(), { face: 'all' }), 400, 'BAD_REQUEST'],
      ['a generator that is no name and hash', () => form(npy(), { generator: 'g1' }), 400, 'BAD_REQUEST'],
      [
        'a photo beside it',
        () => {
          const both = form(npy(), { generator: 'g:g1' });
          both.append('image', new Blob(['x']), 'a.jpg');
          return both;
        },
        400,
        'BAD_REQUEST',
      ],
      [
        'a latent as text',
        () => {
          const text = new FormData();
          text.set('latent', '[1]');
          return text;
        },
        400,
        'BAD_REQUEST',
      ],
    ])('with %s', async (_, sent, status, code) => {
      expect((await service.post(sent())).json()).toMatchObject({ status, code });
      await expectNothingStored();
    });
  });
});
