import { describe, expect, test } from 'vitest';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storePair, type TestApp } from '../support/app.js';

const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]);

let service: TestApp;
let jobs: RenderJob[];
let a: string;
let b: string;

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  [a, b] = await storePair(service);
  // The consumer stands for a worker and renders nothing.
  service.serveRenders(async (job, deps) => {
    if (!('key' in job)) return undefined;
    jobs.push(job);
    await deps.blobs.put(renderBlob(job.key), JPEG);
    return undefined;
  });
});

const get = (query: string) => service.app.inject(`/morph?a=${a}&b=${b}${query}`);

describe('GET /morph?mode=region', () => {
  test('takes the parts that are asked for', async () => {
    const response = await get('&mode=region&parts=eyes,mouth&lambda=0');
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'image/jpeg']);
    expect(response.rawPayload).toEqual(JPEG);
    expect(jobs).toEqual([
      expect.objectContaining({
        kind: 'region',
        parts: ['eyes', 'mouth'],
        map: 'map 1',
        lambda: 0,
        size: 1024,
        quality: 92,
      }),
    ]);
  });

  test('their order and repetition change nothing, so it is rendered once', async () => {
    const first = await get('&mode=region&parts=mouth,eyes');
    const second = await get('&parts=eyes,mouth,eyes&mode=region');
    expect(second.headers.etag).toBe(first.headers.etag);
    expect(jobs).toHaveLength(1);
    const cached = await service.app.inject({
      url: `/morph?a=${a}&b=${b}&mode=region&parts=eyes,mouth`,
      headers: { 'if-none-match': first.headers.etag as string },
    });
    expect(cached.statusCode).toBe(304);
  });

  test('every parameter that shapes the image shapes the tag', async () => {
    const queries = [
      '&mode=region&parts=eyes',
      '&mode=region&parts=mouth',
      '&mode=region&parts=eyes,mouth',
      '&mode=region&parts=shape,eyes,nose,mouth,expression,hair',
      '&mode=region&parts=eyes&lambda=0',
      '&mode=region&parts=eyes&size=64',
      '&mode=region&parts=eyes&quality=50',
      '&mode=region&parts=eyes&format=png',
      '',
    ];
    const tags = new Set<unknown>();
    for (const query of queries) tags.add((await get(query)).headers.etag);
    tags.add((await service.app.inject(`/morph?a=${b}&b=${a}&mode=region&parts=eyes`)).headers.etag);
    service.deps.regions.sha256 = 'map 2';
    tags.add((await get('&mode=region&parts=eyes')).headers.etag);
    expect(tags.size).toBe(queries.length + 2);
    expect(tags).not.toContain(undefined);
  });

  test.each([
    ['no parts', '&mode=region', /one or more of shape, eyes, .+ for `parts` .+ but received nothing/],
    ['empty parts', '&mode=region&parts=', /for `parts` .+ but received nothing/],
    ['an empty part', '&mode=region&parts=eyes,', /but received nothing/],
    ['an unknown part', '&mode=region&parts=eyes,ears', /but received 'ears'/],
    ['a part in capitals', '&mode=region&parts=Eyes', /but received 'Eyes'/],
    ['parts twice', '&mode=region&parts=eyes&parts=mouth', /`parts`/],
    ['parts with another mode', '&mode=pn&parts=eyes', /`parts` 'eyes' with mode pn, which has none/],
    ['parts without a mode', '&parts=eyes', /with mode linear, which has none; expected mode region/],
    ['a crossover', '&mode=region&parts=eyes&crossover=8', /mode region, which has none/],
  ])('refuses %s', async (_title, query, detail) => {
    const response = await get(query);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('refuses latents of a generator on which no parts were measured', async () => {
    service.deps.regions.generator = 'g2';
    const response = await get('&mode=region&parts=eyes');
    expect(response.json()).toMatchObject({ status: 409, code: 'GENERATOR_MISMATCH', regions: 'g2' });
    expect(response.json().detail).toMatch(/npm run fit:regions/);
    expect((await get('')).statusCode).toBe(200);
  });

  test('is none of the modes of a grid, and its smoothness is not measured', async () => {
    const { etag } = (await service.app.inject(`/morph/grid?a=${a}&b=${b}`)).headers;
    expect(etag).toBeDefined();
    expect(jobs[0]).toMatchObject({ kind: 'grid' });
    expect(JSON.stringify(jobs[0])).not.toContain('region');
    const refused = await service.app.inject(`/morph/smoothness?a=${a}&b=${b}&mode=region&parts=eyes`);
    expect(refused.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  test('is deleted with either embedding', async () => {
    await get('&mode=region&parts=hair');
    expect(await service.blobFiles()).toHaveLength(3);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${b}` });
    expect(await service.blobFiles()).toEqual([expect.stringContaining(a)]);
  });
});
