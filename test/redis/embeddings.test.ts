import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import type { Quad } from '../../src/contracts.js';
import { AppError } from '../../src/errors.js';
import { sniffPhoto } from '../../src/images.js';
import { detection, startApp, storeFinished, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let jpeg: Buffer;
let service: TestApp;

beforeAll(async () => {
  server = await startRedis();
  jpeg = await readFile(SMALL_PHOTO);
});
afterEach(() => service.close());
afterAll(() => server.stop());

function form(photos: readonly Uint8Array[], fields: Record<string, string> = {}, name = 'image'): FormData {
  const data = new FormData();
  for (const photo of photos) data.append(name, new Blob([Uint8Array.from(photo)]), 'photo.jpg');
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  return data;
}

/** Nothing of a refused request may stay: no blob, no record, no waiting embedding. */
async function expectNothingStored(): Promise<void> {
  expect(await service.blobFiles()).toEqual([]);
  const keys = await service.redis.keys(`${service.deps.config.keyPrefix}:*`);
  expect(keys.filter((key) => /:(embedding|renders):|:deleting$|:embed:(emb_|wait)/.test(key))).toEqual([]);
}

describe('POST /embeddings', () => {
  test('accepts a photo and answers with the embedding to follow', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(2));
    const response = await service.post(
      form([jpeg], { steps: '50', styles: '8', seed: '7', learningRate: '1e-2' }),
    );
    expect(response.statusCode).toBe(202);
    const body = response.json();
    expect(response.headers).toMatchObject({ location: `/embeddings/${body.id}`, 'retry-after': '2' });
    expect(body).toMatchObject({
      state: 'queued',
      options: { steps: 50, styles: 8, seed: 7, learningRate: 0.01, pixelWeight: 0 },
      faces: [{ selected: true, box: { x: 0, width: 100 } }, { selected: false }],
      width: 640,
      links: { self: `/embeddings/${body.id}`, original: `/embeddings/${body.id}/image?kind=original` },
    });
    const polled = await service.app.inject(`/embeddings/${body.id}`);
    expect(polled.headers['retry-after']).toBeDefined();
    expect(polled.json()).toEqual(body);
    expect(await service.redis.exists(`${service.deps.config.keyPrefix}:embed:${body.id}`)).toBe(1);
  });

  test('answers several photos with a list in their order', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(1));
    const response = await service.post(form([jpeg, jpeg, jpeg]));
    expect(response.statusCode).toBe(202);
    expect(response.json().embeddings).toHaveLength(3);
    expect(response.headers.location).toBeUndefined();
  });

  test('stores and serves the photo upright and without any metadata', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(1));
    // Orientation 6 (turn right by 90 degrees) and a camera name in an EXIF segment.
    const name = 'SECRET-GPS';
    const tiff = Buffer.concat([
      Buffer.from('49492a0008000000020010010200', 'hex'),
      Buffer.from('0b00000026000000', 'hex'),
      Buffer.from('120103000100000006000000', 'hex'),
      Buffer.from('00000000', 'hex'),
      Buffer.from(`${name}\0`, 'latin1'),
    ]);
    const payload = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, payload.length + 2]), payload]);
    const tagged = Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]);
    const plain = await sniffPhoto(jpeg);
    const { id } = (await service.post(form([tagged]))).json();
    const image = await service.app.inject(`/embeddings/${id}/image?kind=original`);
    expect(image.statusCode).toBe(200);
    expect(image.headers['content-type']).toBe('image/jpeg');
    expect(await sniffPhoto(image.rawPayload)).toMatchObject({ width: plain.height, height: plain.width });
    expect(image.rawPayload.includes('Exif')).toBe(false);
    for (const file of await service.blobFiles()) expect((await readFile(file)).includes(name)).toBe(false);
    const etag = String(image.headers.etag);
    const again = await service.app.inject({
      url: `/embeddings/${id}/image?kind=original`,
      headers: { 'if-none-match': `"x", ${etag}` },
    });
    expect([again.statusCode, again.rawPayload.length]).toEqual([304, 0]);
  });

  test('accepts the photo when no worker looks in time: the embedding job will', async () => {
    service = await startApp(server.url, { patience: { detectMs: 50, renderMs: 50 } });
    const response = await service.post(form([jpeg]));
    expect(response.statusCode).toBe(202);
    expect(response.json().faces).toBeUndefined();
    expect(response.json().width).toBeGreaterThan(0);
  });

  const refusals: [title: string, body: () => FormData, status: number, code: string, detail: RegExp][] = [
    [
      'a file that is no image',
      () => form([Buffer.from('hello, world')]),
      415,
      'IMAGE_UNSUPPORTED',
      /not a picture/,
    ],
    ['an empty file', () => form([Buffer.alloc(0)]), 400, 'IMAGE_MISSING', /0 bytes/],
    ['a truncated photo', () => form([jpeg.subarray(0, 5_000)]), 422, 'IMAGE_UNREADABLE', /damaged/],
    ['a form without a photo', () => form([], { steps: '5' }), 400, 'IMAGE_MISSING', /field `image`/],
    ['a file in another field', () => form([jpeg], {}, 'photo'), 400, 'BAD_REQUEST', /'photo'.*`image`/],
    ['text in the field of the photo', () => form([], { image: 'x' }), 400, 'BAD_REQUEST', /-F image=@/],
    ['an unknown field', () => form([jpeg], { step: '5' }), 400, 'BAD_REQUEST', /'step'.*steps/],
    [
      'a text as number',
      () => form([jpeg], { steps: 'many' }),
      400,
      'BAD_REQUEST',
      /integer from 1 to 5000.*`steps`.*'many'/,
    ],
    [
      'an empty number',
      () => form([jpeg], { learningRate: '' }),
      400,
      'BAD_REQUEST',
      /`learningRate`.*nothing/,
    ],
    ['an infinite number', () => form([jpeg], { pixelWeight: '1e309' }), 400, 'BAD_REQUEST', /`pixelWeight`/],
    ['a fraction of a step', () => form([jpeg], { steps: '1.5' }), 400, 'BAD_REQUEST', /integer/],
    [
      'a number of styles that does not divide 16',
      () => form([jpeg], { styles: '3' }),
      400,
      'BAD_REQUEST',
      /one of 1, 2, 4, 8, 16/,
    ],
    ['a photo without a face', () => form([jpeg]), 422, 'FACE_NOT_FOUND', /No face/],
    ['nine photos', () => form(Array(9).fill(jpeg)), 413, 'PAYLOAD_TOO_LARGE', /at most 8/],
    [
      'a field named __proto__',
      () => form([jpeg], Object.fromEntries([['__proto__', '1']])),
      400,
      'BAD_REQUEST',
      /./,
    ],
  ];
  test.each(refusals)('refuses %s and stores nothing', async (_title, body, status, code, detail) => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(0));
    const response = await service.post(body());
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.json()).toMatchObject({ status, code, type: `urn:latentmorph:problem:${code}` });
    expect(response.json().detail).toMatch(detail);
    expect(response.statusCode).toBe(status);
    await expectNothingStored();
  });

  test('refuses all photos when one is bad, and names it', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(1));
    const response = await service.post(form([jpeg, Buffer.from('%PDF-1.7'), jpeg]));
    expect(response.json()).toMatchObject({ code: 'IMAGE_UNSUPPORTED', index: 1 });
    expect(response.json().detail).toMatch(/^Photo 2 of 3: /);
    await expectNothingStored();
  });

  test('refuses a photo over the size limit', async () => {
    service = await startApp(server.url, {
      config: { ...loadConfig({}), maxUploadBytes: 2 ** 20, keyPrefix: 'small' },
    });
    const response = await service.post(form([new Uint8Array(2 ** 20 + 1)]));
    expect(response.json()).toMatchObject({ status: 413, code: 'IMAGE_TOO_LARGE', index: 0 });
    expect(await service.blobFiles()).toEqual([]);
  });

  test.each([
    ['an empty body', undefined, '', 400, 'IMAGE_MISSING'],
    ['an empty multipart body', 'multipart/form-data; boundary=x', '', 400, 'IMAGE_MISSING'],
    ['JSON', 'application/json', '{}', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a content type with a tab', 'application/json\ta', '{}', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['multipart without a boundary', 'multipart/form-data', 'x', 400, 'BAD_REQUEST'],
    ['a body that is cut off', 'multipart/form-data; boundary=x', '--x\r\nContent-Disp', 400, 'BAD_REQUEST'],
  ])('refuses %s', async (_title, type, payload, status, code) => {
    service = await startApp(server.url);
    const headers = type === undefined ? {} : { 'content-type': type };
    const response = await service.app.inject({ method: 'POST', url: '/embeddings', payload, headers });
    expect(response.json()).toMatchObject({ status, code });
    expect(response.payload).not.toMatch(/node_modules|at .*\.js/);
    await expectNothingStored();
  });

  test('stores nothing when the worker refuses the photo', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => {
      throw new AppError('IMAGE_UNREADABLE', { detail: 'Bad pixels.' });
    });
    const response = await service.post(form([jpeg]));
    expect(response.json()).toMatchObject({ code: 'IMAGE_UNREADABLE', detail: 'Bad pixels.', index: 0 });
    await expectNothingStored();
  });

  test('is there for the next request after any of these', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(1));
    await service.post(form([Buffer.from('no image')]));
    expect((await service.post(form([jpeg]))).statusCode).toBe(202);
  });
});

describe('an embedding', () => {
  test('that is unknown answers 404 everywhere', async () => {
    service = await startApp(server.url);
    for (const url of ['/embeddings/emb_x', '/embeddings/emb_x/image?kind=aligned']) {
      expect((await service.app.inject(url)).json()).toMatchObject({
        status: 404,
        code: 'EMBEDDING_NOT_FOUND',
      });
    }
    const deleted = await service.app.inject({ method: 'DELETE', url: '/embeddings/emb_x' });
    expect(deleted.json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
  });

  test('reports progress, then its failure as a problem', async () => {
    service = await startApp(server.url, { patience: { detectMs: 20, renderMs: 20 } });
    const { id } = (await service.post(form([jpeg]))).json();
    await service.deps.records.begin(id, 1);
    const progress = { step: 20, steps: 80, loss: 12.5, secondsLeft: 9 };
    await service.deps.records.progress(id, 1, { progress, losses: [20, 12.5] });
    const running = await service.app.inject(`/embeddings/${id}`);
    expect(running.json()).toMatchObject({
      state: 'running',
      progress: { ...progress, fraction: 0.25 },
      losses: [20, 12.5],
    });
    expect(running.headers['retry-after']).toBe('5');
    await service.deps.records.fail(id, 1, { code: 'FACE_NOT_FOUND', detail: 'None.' });
    const failed = await service.app.inject(`/embeddings/${id}`);
    expect(failed.headers['retry-after']).toBeUndefined();
    expect(failed.json()).toMatchObject({
      state: 'failed',
      error: { status: 422, code: 'FACE_NOT_FOUND', detail: 'None.' },
    });
  });

  test('reports the result in full', async () => {
    service = await startApp(server.url);
    const quad: Quad = [
      [1.5, 2],
      [1.5, 900],
      [899.5, 900],
      [899.5, 2],
    ];
    const result = {
      quad,
      quality: { loss: 3100.25, lpips: 0.18 },
      losses: [9000, 3100.25],
      seconds: 91.5,
      device: 'cpu',
    };
    const { id } = await storeFinished(service, result);
    expect((await service.app.inject(`/embeddings/${id}`)).json()).toMatchObject({
      state: 'succeeded',
      ...result,
    });
  });

  test('answers 409 with its state for an image that it does not have, 400 for a kind that none has', async () => {
    service = await startApp(server.url);
    const { id } = await storeFinished(service, { state: 'failed' });
    const missing = await service.app.inject(`/embeddings/${id}/image?kind=aligned`);
    expect(missing.json()).toMatchObject({ status: 409, code: 'IMAGE_NOT_READY', state: 'failed' });
    const unknown = await service.app.inject(`/embeddings/${id}/image?kind=latent`);
    expect(unknown.json().detail).toBe(
      "Expected one of original, aligned, reconstruction, preview for `kind` but received 'latent'.",
    );
  });

  test('is deleted with its job, photo and record, once', async () => {
    service = await startApp(server.url);
    service.serveRenders(async () => detection(1));
    const { id } = (await service.post(form([jpeg]))).json();
    expect((await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` })).statusCode).toBe(204);
    expect((await service.app.inject(`/embeddings/${id}`)).statusCode).toBe(404);
    expect((await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` })).statusCode).toBe(404);
    await expectNothingStored();
  });
});
