import { describe, expect, test } from 'vitest';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';

const WEBP = Buffer.concat([Buffer.from('RIFF    WEBP', 'latin1'), Buffer.alloc(64, 3)]);

type BlendJob = RenderJob & { kind: 'blend' };

let service: TestApp;
let jobs: BlendJob[];
let ids: string[];

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  ids = [];
  for (let i = 0; i < 3; i++) ids.push((await storeFinished(service)).id);
  service.serveRenders(async (job, deps) => {
    if (job.kind !== 'blend') return undefined;
    jobs.push(job);
    await deps.blobs.put(renderBlob(job.key), WEBP);
    return undefined;
  });
});

interface Part {
  id: string;
  weight?: number;
  weights?: number[];
}

const post = (latents: Part[], rest: object = {}, headers: Record<string, string> = {}) =>
  service.app.inject({
    method: 'POST',
    url: '/morph',
    payload: { latents, format: 'webp', ...rest },
    headers,
  });
const parts = (...weights: number[]): Part[] => weights.map((weight, i) => ({ id: ids[i]!, weight }));
const firstStyle = (job: BlendJob | undefined) => job?.weights.map(([weight]) => weight);

describe('POST /morph', () => {
  test('without weights renders the mean, and serves it with a strong tag', async () => {
    const response = await post(ids.map((id) => ({ id })));
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('image/webp');
    expect(response.headers.etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(response.rawPayload).toEqual(WEBP);
    expect(jobs[0]).toMatchObject({ space: 'w', size: 1024, format: 'webp', quality: 92 });
    expect(jobs[0]!.weights).toEqual(Array(3).fill(Array(16).fill(1 / 3)));
    const known = await post(
      ids.map((id) => ({ id })),
      {},
      { 'if-none-match': String(response.headers.etag) },
    );
    expect([known.statusCode, known.payload]).toEqual([304, '']);
  });

  test('normalises the weights of each style, or leaves them', async () => {
    await post(parts(3, 1));
    await post(parts(3, 1), { normalise: false });
    await post(parts(2, -1));
    expect(jobs.map(firstStyle)).toEqual([
      [0.75, 0.25],
      [3, 1],
      [2, -1],
    ]);
  });

  test('takes weights for each style', async () => {
    const coarse = Array.from({ length: 16 }, (_, style) => Number(style < 8));
    await post([
      { id: ids[0]!, weights: coarse },
      { id: ids[1]!, weights: coarse.map((x) => 1 - x) },
    ]);
    expect(jobs[0]!.weights).toEqual([coarse, coarse.map((x) => 1 - x)]);
  });

  test('is one render for one mix, whatever the order and the scale', async () => {
    await post(parts(1, 3));
    await post(parts(1, 3).reverse());
    await post(parts(0.25, 0.75));
    expect(jobs).toHaveLength(1);
    await post(parts(1, 3), { space: 'pn' });
    await post(parts(3, 1));
    expect(jobs).toHaveLength(3);
  });

  test('goes with any of its embeddings', async () => {
    await post(parts(1, 1, 1));
    const { key } = jobs[0]!;
    expect(await service.deps.blobs.has(renderBlob(key))).toBe(true);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${ids[1]}` });
    expect(await service.deps.blobs.has(renderBlob(key))).toBe(false);
    expect((await post(parts(1, 1, 1))).json()).toMatchObject({
      code: 'EMBEDDING_NOT_FOUND',
      parameter: 'latents/1',
    });
  });

  test.each([
    ['one latent', () => [parts(1), {}], /a list of 2 to 8 for `latents`/],
    ['nine latents', () => [Array(9).fill({ id: ids[0] }), {}], /a list of 2 to 8 for `latents`/],
    ['weights that sum to 0', () => [parts(1, -1), {}], /style 0 sum to 0 and cannot be normalised/],
    ['no weight at all', () => [parts(0, 0), {}], /sum to 0/],
    ['a weight out of range', () => [parts(11, 1), {}], /from -10 to 10 for `latents\/0\/weight`/],
    [
      'a weight that is no number',
      () => [[{ id: ids[0], weight: 'x' }, { id: ids[1] }], {}],
      /from -10 to 10 for/,
    ],
    [
      '15 weights',
      () => [[{ id: ids[0], weights: Array(15).fill(1) }, { id: ids[1] }], {}],
      /a list of 16 for/,
    ],
    [
      'two kinds of weights',
      () => [[{ ...parts(1)[0], weights: Array(16).fill(1) }, { id: ids[1] }], {}],
      /one of them/,
    ],
    ['an unknown member', () => [parts(1, 1), { sise: 64 }], /'sise' is unknown; expected `latents`/],
    ['a size out of range', () => [parts(1, 1), { size: 65536 }], /from 64 to 4096 for `size`/],
    [
      'P_N without normalised weights',
      () => [parts(1, 1), { space: 'pn', normalise: false }],
      /expected `space` w/,
    ],
  ] as [string, () => [Part[], object], RegExp][])('refuses %s', async (_title, make, message) => {
    const [latents, rest] = make();
    const response = await post(latents, rest);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(message);
    expect(jobs).toEqual([]);
  });

  test.each([
    [
      'a weight beyond all numbers',
      '{"latents":[{"id":"a","weight":1e309},{"id":"b"}]}',
      'application/json',
      400,
      'BAD_REQUEST',
    ],
    ['no JSON', '{', 'application/json', 400, 'BAD_REQUEST'],
    ['a form', 'a=1', 'application/x-www-form-urlencoded', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a body without end',
      JSON.stringify({ latents: 'x'.repeat(40_000) }),
      'application/json',
      413,
      'PAYLOAD_TOO_LARGE',
    ],
  ])('refuses %s', async (_title, payload, type, status, code) => {
    const response = await service.app.inject({
      method: 'POST',
      url: '/morph',
      payload,
      headers: { 'content-type': type },
    });
    expect(response.json()).toMatchObject({ status, code });
  });

  test('refuses latents of different generators and unfinished ones', async () => {
    const other = await storeFinished(service, { generator: { name: 'other', hash: 'f'.repeat(64) } });
    expect((await post([...parts(1), { id: other.id }])).json()).toMatchObject({
      code: 'GENERATOR_MISMATCH',
    });
    expect((await post([...parts(1), { id: 'emb_nothing' }])).json()).toMatchObject({
      code: 'EMBEDDING_NOT_FOUND',
    });
  });
});
