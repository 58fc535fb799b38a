import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storeFinished, storePair, type TestApp } from '../support/app.js';

type SmoothnessJob = RenderJob & { kind: 'smoothness' | 'pace' };

/** What the consumer measures: it stands for a worker and computes nothing. */
const MEASURED = { ppl: 1.5e9, samples: 8, epsilon: 1e-4 };

let service: TestApp;
let jobs: SmoothnessJob[];
let a: string;
let b: string;

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  [a, b] = await storePair(service);
});

function serve(before: (job: SmoothnessJob) => Promise<void> = async () => {}): void {
  service.serveRenders(async (job, deps) => {
    if (job.kind !== 'smoothness') return undefined;
    jobs.push(job);
    await before(job);
    await deps.blobs.put(renderBlob(job.key), Buffer.from(JSON.stringify(MEASURED)));
    return undefined;
  });
}

const get = (query = '', headers: Record<string, string> = {}) =>
  service.app.inject({ url: `/morph/smoothness?a=${a}&b=${b}${query}`, headers });

describe('GET /morph/smoothness', () => {
  test('measures the linear morph by default and answers JSON with a strong tag', async () => {
    serve();
    const response = await get();
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.headers.etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(response.headers['cache-control']).toBe('private, no-cache');
    expect(response.json()).toEqual({ ...MEASURED, mode: 'linear' });
    expect(jobs).toEqual([expect.objectContaining({ mode: 'linear', crossover: 0 })]);
  });

  test('names the crossover of the other modes, given or not', async () => {
    serve();
    expect((await get('&mode=style')).json()).toEqual({ ...MEASURED, mode: 'style', crossover: 8 });
    expect((await get('&mode=attribute&crossover=3')).json()).toMatchObject({ crossover: 3 });
    expect(jobs.map(({ crossover }) => crossover)).toEqual([8, 3]);
  });

  test('is measured once, whichever embedding comes first, and known to a client that has it', async () => {
    serve();
    const first = await get();
    const swapped = await service.app.inject(`/morph/smoothness?a=${b}&b=${a}`);
    expect(swapped.json()).toEqual(first.json());
    expect(jobs).toHaveLength(1);
    const cached = await get('', { 'if-none-match': String(first.headers.etag) });
    expect([cached.statusCode, cached.payload]).toEqual([304, '']);
  });

  test('shares one measurement between simultaneous requests', async () => {
    serve();
    const responses = await Promise.all(Array.from({ length: 5 }, () => get('&mode=style')));
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(5).fill(200));
    expect(jobs).toHaveLength(1);
  });

  test('every parameter that shapes the path shapes the tag, which no image shares', async () => {
    serve();
    const queries = ['', '&mode=style', '&mode=attribute', '&mode=style&crossover=3'];
    const tags = new Set<unknown>();
    for (const query of queries) tags.add((await get(query)).headers.etag);
    expect(tags.size).toBe(queries.length);
  });

  test.each([
    ['an unknown mode', '&mode=cubic', /one of linear, style, attribute, pn for `mode` but received 'cubic'/],
    ['a crossover that the mode ignores', '&crossover=8', /mode linear, which has none/],
    ['crossover 16 of styles', '&mode=style&crossover=16', /1 to 15 for `crossover`/],
    ['a lambda, which is walked along', '&lambda=0.5', /'lambda' is unknown; expected `a`, `b`, `mode`/],
  ])('refuses %s', async (_title, query, detail) => {
    serve();
    const response = await get(query);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('refuses embeddings that are unknown, not ready, or of two generators', async () => {
    b = 'emb_unknown';
    expect((await get()).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND', parameter: 'b' });
    b = (await storeFinished(service, { state: 'running' })).id;
    expect((await get()).json()).toMatchObject({ status: 409, code: 'EMBEDDING_NOT_READY', embedding: b });
    b = (await storeFinished(service, { generator: { name: 'other', hash: 'g2' } })).id;
    expect((await get()).json()).toMatchObject({ status: 409, code: 'GENERATOR_MISMATCH' });
  });

  test('answers 503 when no worker is in time; what it measures later is served', async () => {
    service.deps.patience.renderMs = 50;
    const late = await get();
    expect(late.json()).toMatchObject({ status: 503, code: 'BUSY' });
    service.deps.patience.renderMs = 5_000;
    serve();
    expect((await get()).statusCode).toBe(200);
    expect(jobs).toHaveLength(1);
  });

  test("passes on a worker's failure without its cause", async () => {
    serve(async () => {
      throw new AppError('ENGINE_FAILED', { cause: new Error('/secret/path') });
    });
    const failed = await get();
    expect(failed.json()).toMatchObject({ status: 500, code: 'ENGINE_FAILED' });
    expect(failed.payload).not.toContain('secret');
  });

  test('deleting one embedding deletes the measurement', async () => {
    serve();
    await get();
    expect(await service.blobFiles()).toHaveLength(3);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${b}` });
    expect(await service.blobFiles()).toEqual([expect.stringContaining(a)]);
  });
});
