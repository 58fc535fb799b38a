import { spawnSync } from 'node:child_process';
import { get as httpGet } from 'node:http';
import sharp from 'sharp';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../src/errors.js';
import { encodeTensor } from '../../src/images.js';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { eachTestOnApp, storeFinished, storePair, type TestApp } from '../support/app.js';

type MorphJob = RenderJob & { kind: 'morph' };

/** Most of the way lies between lambda 0 and a half. */
const PACE = { lambdas: [0, 0.5, 1], shares: [0, 0.8, 1] };

let service: TestApp;
let jobs: MorphJob[];
let paces: number;
let regions: (RenderJob & { kind: 'region' })[];
let a: string;
let b: string;

afterEach(() => vi.unstubAllEnvs());
eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  paces = 0;
  regions = [];
  [a, b] = await storePair(service);
});

/** Each picture is of one colour that tells its lambda: the consumer stands for a worker. */
function serve(before: (job: MorphJob) => Promise<void> = async () => {}): void {
  service.serveRenders(async (job, deps) => {
    if (job.kind === 'pace') {
      paces++;
      await deps.blobs.put(renderBlob(job.key), Buffer.from(JSON.stringify(PACE)));
    }
    if (job.kind === 'region') regions.push(job);
    else if (job.kind === 'morph') {
      jobs.push(job);
      await before(job);
    } else return undefined;
    const { size, format, quality, lambda } = job;
    const pixels = new Float32Array(3 * size * size).fill(2 * lambda - 1);
    await deps.blobs.put(
      renderBlob(job.key),
      Buffer.from(await encodeTensor(pixels, size, size, { format, quality })),
    );
    return undefined;
  });
}

const url = (query: string): string => `/morph/animation?a=${a}&b=${b}&size=64${query}`;
const get = (query: string, headers: Record<string, string> = {}) =>
  service.app.inject({ url: url(query), headers });

/** Lambdas asked for, without those asked for twice. */
const lambdas = (): number[] => [...new Set(jobs.map(({ lambda }) => lambda))].sort((x, y) => y - x);

describe('GET /morph/animation', () => {
  test('is a WebP of thirty frames and two seconds, from a to b', async () => {
    serve();
    const response = await get('');
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'private, no-cache',
    });
    const meta = await sharp(response.rawPayload).metadata();
    expect(meta).toMatchObject({ pages: 30, width: 64, loop: 0 });
    expect(meta.delay!.reduce((sum, delay) => sum + delay)).toBe(2000);
    expect(lambdas()).toHaveLength(30);
    expect([lambdas()[0], lambdas().at(-1)]).toEqual([1, 0]);
    expect(jobs[0]).toMatchObject({ mode: 'linear', crossover: 0, format: 'webp', quality: 80, size: 64 });
    const first = await sharp(response.rawPayload, { page: 0 }).stats();
    const last = await sharp(response.rawPayload, { page: 29 }).stats();
    expect(first.channels[0]!.mean).toBeGreaterThan(250);
    expect(last.channels[0]!.mean).toBeLessThan(5);
  });

  test('goes there and back, in a mode with its crossover', async () => {
    serve();
    const response = await get('&frames=4&pingpong=true&mode=style&crossover=3&format=gif&duration=1&loop=2');
    expect(response.headers['content-type']).toBe('image/gif');
    expect(response.rawPayload.toString('latin1', 0, 6)).toBe('GIF89a');
    expect(lambdas()).toEqual([1, 0.6667, 0.3333, 0]);
    expect(
      jobs.every((job) => job.mode === 'style' && job.crossover === 3 && job.quality === undefined),
    ).toBe(true);
  });

  test('shares its frames with other requests, and makes none for a client that has it or asks for the head', async () => {
    serve();
    const query = '&frames=3&quality=92';
    const first = await get(query);
    const made = jobs.length;
    expect(made).toBe(3);
    const again = await get(query);
    expect(again.rawPayload.equals(first.rawPayload)).toBe(true);
    await service.app.inject(`/morph?a=${a}&b=${b}&lambda=0.5&size=64&format=webp`);
    expect(jobs).toHaveLength(made);
    const cached = await get(`${query}&easing=linear`, { 'if-none-match': String(first.headers.etag) });
    expect([cached.statusCode, cached.payload]).toEqual([304, '']);
    const head = await service.app.inject({ method: 'HEAD', url: url('&frames=9') });
    expect([head.statusCode, head.headers['content-type'], head.payload]).toEqual([200, 'image/webp', '']);
    expect(jobs).toHaveLength(made);
  });

  test('every parameter shapes the tag', async () => {
    serve();
    const queries = [
      '',
      '&frames=3',
      '&frames=2&from=0.9',
      '&frames=2&to=0.1',
      '&frames=2&easing=ease-in-out',
    ];
    queries.push(
      '&frames=2&pingpong=true',
      '&frames=2&pacing=even',
      '&frames=2&loop=1',
      '&frames=2&format=gif',
    );
    queries.push('&frames=2&duration=1', '&frames=2&quality=50', '&frames=2&mode=pn');
    const tags = await Promise.all(
      queries.map(async (query) => {
        const { headers } = await service.app.inject({ method: 'HEAD', url: url(query || '&frames=2') });
        return headers.etag;
      }),
    );
    expect(new Set(tags).size).toBe(queries.length);
  });

  test('animates parts of a face', async () => {
    serve();
    expect((await get('&mode=region&parts=mouth,eyes&frames=3')).statusCode).toBe(200);
    expect(new Set(regions.map(({ lambda }) => lambda))).toEqual(new Set([1, 0.5, 0]));
    expect(regions[0]).toMatchObject({ parts: ['eyes', 'mouth'], format: 'webp', size: 64 });
  });

  test('with an even pace the frames lie where the change is, measured once', async () => {
    serve();
    await get('&frames=5&pacing=even&from=0&to=1');
    expect(lambdas()).toEqual([1, 0.4688, 0.3125, 0.1563, 0]);
    await get('&frames=3&pacing=even&from=0&to=1');
    expect(paces).toBe(1);
  });

  test('stops rendering when the client goes away', async () => {
    serve(() => new Promise((resolve) => setTimeout(resolve, 20)));
    const address = await service.app.listen({ port: 0, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => {
      const request = httpGet(`${address}${url('&frames=200&duration=20&format=gif')}`, (response) => {
        response.once('data', () => {
          response.destroy();
          resolve();
        });
      });
      request.once('error', reject);
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const then = jobs.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(jobs.length).toBe(then);
    expect(then).toBeLessThan(30);
  });

  test('a first frame that fails is a problem, a later one ends the connection early', async () => {
    let fails = (_: MorphJob): boolean => true;
    serve(async (job) => {
      if (fails(job)) throw new AppError('ENGINE_FAILED', { cause: new Error('/secret/path') });
    });
    for (const format of ['gif', 'webp']) {
      expect((await get(`&frames=4&format=${format}`)).json()).toMatchObject({
        status: 500,
        code: 'ENGINE_FAILED',
      });
    }
    fails = ({ lambda }) => lambda < 0.5;
    const address = await service.app.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(`${address}${url('&frames=4&format=gif')}`);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  test('MP4 comes from FFmpeg, and is refused where there is none', async () => {
    serve();
    const found = spawnSync('ffmpeg', ['-version']).status === 0;
    if (found) {
      const response = await get('&frames=6&format=mp4&duration=0.5');
      expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'video/mp4']);
      expect(response.rawPayload.toString('latin1', 4, 8)).toBe('ftyp');
      const probe = spawnSync(
        'ffprobe',
        [
          '-v',
          'error',
          '-count_frames',
          '-show_entries',
          'stream=codec_name,width,nb_read_frames',
          '-of',
          'csv',
          '-',
        ],
        { input: response.rawPayload },
      );
      expect(probe.stdout.toString().trim()).toBe('stream,h264,64,6');
    }
    vi.stubEnv('PATH', '/nowhere');
    const refused = await get('&frames=6&format=mp4');
    expect(refused.json()).toMatchObject({ status: 501, code: 'FORMAT_UNAVAILABLE' });
    expect(refused.json().detail).toMatch(/FFmpeg.*webp or gif/);
  });

  test.each([
    ['one frame', '&frames=1', /2 to 240 for `frames`/],
    ['241 frames', '&frames=241', /`frames`/],
    ['no time', '&duration=0', /`duration`/],
    ['a duration that is no number', '&duration=NaN', /`duration` but received 'NaN'/],
    ['more frames than can be seen', '&frames=240&duration=1', /at most 50 frames a second/],
    ['a lambda above 1', '&from=1.5', /`from`/],
    ['an unknown easing', '&easing=bounce', /one of linear, ease-in-out for `easing`/],
    ['an unknown pacing', '&pacing=fast', /one of lambda, even for `pacing`/],
    ['a still format', '&format=png', /one of webp, gif, mp4 for `format`/],
    ['a loop of a video', '&format=mp4&loop=1', /leaves that to the player/],
    ['an odd video', '&format=mp4&size=65', /received 2 values|odd `size`/],
    ['a lambda, which stills have', '&lambda=0.5', /'lambda' is unknown/],
    ['parts without their mode', '&parts=eyes', /mode linear, which has none/],
    ['the mode without parts', '&mode=region', /one or more of shape, eyes/],
    ['a pace of parts', '&mode=region&parts=eyes&pacing=even', /whose pace is not measured/],
    ['a crossover that the mode ignores', '&crossover=8', /mode linear, which has none/],
  ])('refuses %s', async (_, query, detail) => {
    serve();
    const response = await service.app.inject(`/morph/animation?a=${a}&b=${b}${query}`);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('refuses an unknown embedding and one that is not done', async () => {
    const running = (await storeFinished(service, { state: 'running' })).id;
    const ask = (other: string) => service.app.inject(`/morph/animation?a=${a}&b=${other}`);
    expect((await ask('emb_unknown')).json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
    expect((await ask(running)).json()).toMatchObject({ status: 409, code: 'EMBEDDING_NOT_READY' });
  });
});
