import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storeFinished, storePair, type TestApp } from '../support/app.js';

/** Bytes with the signature of each format: the consumer stands for a worker and renders nothing. */
const BYTES = {
  jpeg: Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]),
  png: Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, 2)]),
  webp: Buffer.concat([Buffer.from('RIFF    WEBP', 'latin1'), Buffer.alloc(64, 3)]),
  gif: Buffer.from('GIF89a'),
  avif: Buffer.concat([Buffer.from('    ftypavif', 'latin1'), Buffer.alloc(64, 4)]),
};

type MorphJob = RenderJob & { kind: 'morph' };

let service: TestApp;
let jobs: MorphJob[];
let a: string;
let b: string;

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  [a, b] = await storePair(service);
});

function serve(before: (job: MorphJob) => Promise<void> = async () => {}): void {
  service.serveRenders(async (job, deps) => {
    if (job.kind !== 'morph') return undefined;
    jobs.push(job);
    await before(job);
    await deps.blobs.put(renderBlob(job.key), BYTES[job.format]);
    return undefined;
  });
}

const get = (query: string, headers: Record<string, string> = {}) =>
  service.app.inject({ url: `/morph?a=${a}&b=${b}${query}`, headers });

describe('GET /morph', () => {
  test('renders with the defaults of the method and serves JPEG with a strong tag', async () => {
    serve();
    const response = await get('');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('image/jpeg');
    expect(response.headers.etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(response.rawPayload).toEqual(BYTES.jpeg);
    expect(jobs).toEqual([
      expect.objectContaining({ mode: 'linear', lambda: 0.7, crossover: 0, size: 1024, format: 'jpeg' }),
    ]);
  });

  test('does not render again, answers fast, and knows what the client has', async () => {
    serve();
    const first = await get('&lambda=0.5');
    await get('&lambda=.5');
    const times: number[] = [];
    let second = first;
    for (let i = 0; i < 10; i++) {
      const started = performance.now();
      second = await get('&lambda=0.50&mode=linear');
      times.push(performance.now() - started);
    }
    // The fastest of ten: this is about the work done, not about what else the machine does.
    expect(Math.min(...times)).toBeLessThan(20);
    expect(second.rawPayload).toEqual(first.rawPayload);
    expect(jobs).toHaveLength(1);
    const cached = await get('&lambda=0.5', { 'if-none-match': `W/${first.headers.etag}` });
    expect([cached.statusCode, cached.payload]).toEqual([304, '']);
  });

  test('shares one render between simultaneous requests', async () => {
    serve();
    const responses = await Promise.all(Array.from({ length: 6 }, () => get('&mode=style')));
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
    expect(jobs).toHaveLength(1);
  });

  test('every parameter that shapes the image shapes the tag', async () => {
    serve();
    const queries = [
      '',
      '&lambda=0',
      '&mode=style',
      '&mode=attribute',
      '&mode=style&crossover=3',
      '&size=64',
      '&mode=pn',
      '&format=png',
      '&quality=50',
    ];
    const tags = new Set<unknown>();
    for (const query of queries) tags.add((await get(query)).headers.etag);
    tags.add((await service.app.inject(`/morph?a=${b}&b=${a}`)).headers.etag);
    expect(tags.size).toBe(queries.length + 1);
    expect(jobs.map(({ crossover }) => crossover)).toEqual([0, 0, 8, 256, 3, 0, 0, 0, 0, 0]);
  });

  test.each([
    ['png', 'image/png'],
    ['webp', 'image/webp'],
    ['avif', 'image/avif'],
  ])('serves %s', async (format, type) => {
    serve();
    const response = await get(`&format=${format}`, { accept: 'image/jpeg' });
    expect(response.headers['content-type']).toBe(type);
    expect(response.headers.vary).toBeUndefined();
  });

  test.each([
    ['nothing', undefined, 'jpeg'],
    ['anything', '*/*', 'jpeg'],
    ['any image', 'image/*', 'jpeg'],
    ['what a browser sends', 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'webp'],
    ['AVIF before the others', 'image/webp;q=0.5, image/avif', 'avif'],
    ['PNG alone', 'image/png', 'png'],
    ['no image', 'application/json', 'jpeg'],
    ['nonsense', ';;q=,,image/', 'jpeg'],
  ])('without a format, a client that accepts %s gets what it likes best', async (_, accept, format) => {
    serve();
    const response = await get('', accept ? { accept } : {});
    expect(response.headers['content-type']).toBe(`image/${format}`);
    expect(response.headers.vary).toBe('accept');
  });

  test('the quality is 92 unless told otherwise, and PNG has none', async () => {
    serve();
    for (const query of ['', '&quality=40', '&format=png', '&format=png&quality=40']) await get(query);
    expect(jobs.map(({ quality }) => quality)).toEqual([92, 40, undefined]);
  });

  test('HEAD answers with the headers alone', async () => {
    serve();
    const response = await service.app.inject({ method: 'HEAD', url: `/morph?a=${a}&b=${b}` });
    expect(response.headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': `${BYTES.jpeg.length}`,
    });
    expect(response.payload).toBe('');
  });

  test.each([
    ['lambda above 1', '&lambda=1.01', /number from 0 to 1 for `lambda` but received '1.01'/],
    ['lambda below 0', '&lambda=-0.1', /`lambda`/],
    ['lambda NaN', '&lambda=NaN', /`lambda` but received 'NaN'/],
    ['lambda Infinity', '&lambda=Infinity', /`lambda`/],
    ['lambda 1e309', '&lambda=1e309', /`lambda`/],
    ['lambda empty', '&lambda=', /`lambda` but received nothing/],
    ['lambda twice', '&lambda=0.5&lambda=0.5', /`lambda` but received 2 values/],
    [
      'an unknown mode',
      '&mode=cubic',
      /one of linear, style, attribute, pn, region for `mode` but received 'cubic'/,
    ],
    ['crossover 0', '&mode=style&crossover=0', /`crossover`/],
    ['crossover 16 of styles', '&mode=style&crossover=16', /1 to 15 for `crossover`/],
    ['crossover 512 of channels', '&mode=attribute&crossover=512', /1 to 511 for `crossover`/],
    ['a broken crossover', '&mode=style&crossover=1.5', /integer/],
    ['a crossover that the mode ignores', '&crossover=8', /mode linear, which has none/],
    ['a size of 63', '&size=63', /64 to 4096 for `size`/],
    ['a size of 1e6', '&size=1e6', /`size`/],
    ['an unknown format', '&format=gif', /one of jpeg, png, webp/],
    ['an unknown parameter', '&lamda=0.5', /'lamda' is unknown; expected `a`, `b`, `lambda`/],
    ['a third embedding', '&a=x', /`a`/],
  ])('refuses %s', async (_title, query, detail) => {
    serve();
    const response = await get(query);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('refuses a missing parameter', async () => {
    const response = await service.app.inject(`/morph?a=${a}`);
    expect(response.json().detail).toBe('The query parameter `b` is missing.');
  });

  test.each(['queued', 'running', 'failed', 'cancelled'] as const)(
    'refuses an embedding that is %s',
    async (state) => {
      b = (await storeFinished(service, { state })).id;
      expect((await get('')).json()).toMatchObject({
        status: 409,
        code: 'EMBEDDING_NOT_READY',
        state,
        parameter: 'b',
        embedding: b,
      });
    },
  );

  test('refuses an unknown embedding, and latents of two generators', async () => {
    b = 'emb_unknown';
    expect((await get('')).json()).toMatchObject({
      status: 404,
      code: 'EMBEDDING_NOT_FOUND',
      parameter: 'b',
    });
    b = (await storeFinished(service, { generator: { name: 'other', hash: 'g2' } })).id;
    expect((await get('')).json()).toMatchObject({ status: 409, code: 'GENERATOR_MISMATCH' });
  });

  test('answers 503 with Retry-After when no worker renders in time', async () => {
    service.deps.patience.renderMs = 50;
    const response = await get('');
    expect(response.json()).toMatchObject({ status: 503, code: 'BUSY' });
    expect(response.headers['retry-after']).toBe('2');
  });

  test("passes on a worker's failure without its cause, and renders on the next try", async () => {
    let fail = true;
    serve(async () => {
      if (fail) throw new AppError('ENGINE_FAILED', { cause: new Error('/secret/path') });
    });
    const failed = await get('');
    expect(failed.json()).toMatchObject({ status: 500, code: 'ENGINE_FAILED' });
    expect(failed.payload).not.toContain('secret');
    fail = false;
    expect((await get('')).statusCode).toBe(200);
  });

  test('renders again when the blob has vanished', async () => {
    serve();
    await get('');
    await service.deps.blobs.deletePrefix('renders/');
    expect((await get('')).statusCode).toBe(200);
    expect(jobs).toHaveLength(2);
  });

  test('deleting one embedding deletes every morph made from it', async () => {
    serve();
    await get('&lambda=0.2');
    await get('&lambda=0.4');
    expect(await service.blobFiles()).toHaveLength(4);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${a}` });
    expect(await service.blobFiles()).toEqual([expect.stringContaining(b)]);
    expect((await get('&lambda=0.2')).statusCode).toBe(404);
  });

  test('a deletion during the render leaves no image of the face', async () => {
    serve(async () => {
      await service.app.inject({ method: 'DELETE', url: `/embeddings/${a}` });
    });
    expect((await get('')).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
    expect(await service.blobFiles()).toEqual([expect.stringContaining(b)]);
  });
});
