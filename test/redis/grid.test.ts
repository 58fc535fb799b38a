import { describe, expect, test } from 'vitest';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storePair, type TestApp } from '../support/app.js';

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, 2)]);

type GridJob = RenderJob & { kind: 'grid' };

let service: TestApp;
let jobs: GridJob[];
let a: string;
let b: string;

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  [a, b] = await storePair(service);
  service.serveRenders(async (job, deps) => {
    if (job.kind !== 'grid') return undefined;
    jobs.push(job);
    await deps.blobs.put(renderBlob(job.key), PNG);
    return undefined;
  });
});

const get = (query: string) => service.app.inject(`/morph/grid?a=${a}&b=${b}&format=png${query}`);

describe('GET /morph/grid', () => {
  test('shows every mode along five lambdas', async () => {
    const response = await get('');
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'image/png']);
    expect(jobs[0]).toMatchObject({ lambdas: [0, 0.25, 0.5, 0.75, 1], cell: 192, format: 'png' });
    expect(jobs[0]!.rows).toEqual([
      { mode: 'linear', crossover: 0, label: 'linear' },
      { mode: 'style', crossover: 8, label: 'style 8' },
      { mode: 'attribute', crossover: 256, label: 'attribute 256' },
      { mode: 'pn', crossover: 0, label: 'pn' },
    ]);
  });

  test('shows the crossovers of a mode', async () => {
    await get('&rows=crossovers');
    await get('&rows=crossovers&mode=attribute');
    expect(jobs.map(({ rows }) => rows.map(({ mode, crossover }) => [mode, crossover]))).toEqual([
      [
        ['style', 4],
        ['style', 8],
        ['style', 12],
      ],
      [
        ['attribute', 128],
        ['attribute', 256],
        ['attribute', 384],
      ],
    ]);
  });

  test('is rendered once, under a tag of everything that shapes it', async () => {
    const queries = ['', '&columns=3', '&cell=64', '&rows=crossovers', '&rows=crossovers&mode=attribute'];
    const tags = new Set<unknown>();
    for (const query of [...queries, ...queries]) tags.add((await get(query)).headers.etag);
    expect(tags.size).toBe(queries.length);
    expect(jobs).toHaveLength(queries.length);
  });

  test.each([
    ['one column', '&columns=1', /from 2 to 11 for `columns`/],
    ['large cells', '&cell=1024', /from 64 to 512 for `cell`/],
    ['a mode without a crossover', '&rows=crossovers&mode=linear', /one of style, attribute for `mode`/],
    ['a mode with all modes', '&mode=style', /expected `rows` crossovers, or no `mode`/],
    ['a lambda', '&lambda=0.5', /'lambda' is unknown/],
  ])('refuses %s', async (_title, query, message) => {
    const response = await get(query);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(message);
    expect(jobs).toEqual([]);
  });
});
