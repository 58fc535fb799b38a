/** `placement=original`: morphs, mixes and reconstructions drawn into a photo. The consumer stands for a worker. */
import { describe, expect, test } from 'vitest';
import type { EmbeddingRecord, Place } from '../../src/contracts.js';
import type { RenderJob } from '../../src/jobs.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { detection, eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64, 2)]);
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]);

type ImageJob = RenderJob & { kind: 'morph' | 'blend' | 'region' };

let service: TestApp;
let jobs: ImageJob[];
let a: string;
let b: string;

eachTestOnApp(async (started) => {
  service = started;
  jobs = [];
  [a, b] = [(await storePhoto(640, 480)).id, (await storePhoto(3000, 6000)).id];
  service.serveRenders(async (job, { blobs }) => {
    if (job.kind !== 'morph' && job.kind !== 'blend' && job.kind !== 'region') return undefined;
    jobs.push(job);
    await blobs.put(renderBlob(job.key), job.format === 'png' ? PNG : JPEG);
    return undefined;
  });
});

/** An embedding that has succeeded, with its photo. */
async function storePhoto(
  width: number,
  height: number,
  patch: Partial<EmbeddingRecord> = {},
): Promise<EmbeddingRecord> {
  const record = await storeFinished(service, {
    width,
    height,
    faces: detection(2).faces,
    face: 0,
    quad: [
      [100, 100],
      [100, 300],
      [300, 300],
      [300, 100],
    ],
    blobs: { latent: `l${width}`, original: `photo-${width}.jpg` },
    ...patch,
  });
  if (record.blobs.original) await service.deps.blobs.put(record.blobs.original, JPEG);
  return record;
}

const get = (url: string) => service.app.inject({ url });
const morph = (query = '') => get(`/morph?a=${a}&b=${b}&placement=original${query}`);
const mix = (body: object) => service.app.inject({ method: 'POST', url: '/morph', payload: body });
const image = (query: string) => get(`/embeddings/${a}/image?${query}`);
const placed = (query = '') => image(`kind=reconstruction&placement=original${query}`);
const sizeOf = ({ width, height }: Place) => [width, height];

describe('GET /morph with placement original', () => {
  test('draws parts of another face into the photo, too', async () => {
    expect((await morph('&mode=region&parts=mouth&lambda=0')).statusCode).toBe(200);
    expect(jobs).toMatchObject([{ kind: 'region', parts: ['mouth'], place: { original: 'photo-640.jpg' } }]);
  });

  test('sends the place in the photo of a, at its own size', async () => {
    const response = await morph();
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'image/jpeg']);
    const { quad, faces } = (await service.deps.records.get(a))!;
    expect(jobs[0]!.place).toEqual({
      original: 'photo-640.jpg',
      width: 640,
      height: 480,
      quad,
      landmarks: faces![0]!.landmarks,
    });
  });

  test('bounds a large photo to 4096 pixels, and moves quad and landmarks with it', async () => {
    await morph('&into=b');
    const { place } = jobs[0]!;
    expect(sizeOf(place!)).toEqual([2048, 4096]);
    expect(place!.quad[0]).toEqual([(100 * 2048) / 3000, (100 * 4096) / 6000]);
    expect(place!.landmarks[67]).toEqual([(67 * 2048) / 3000, (67 * 4096) / 6000]);
  });

  test('reduces the photo to the size that is asked for', async () => {
    await morph('&size=320');
    expect(sizeOf(jobs[0]!.place!)).toEqual([320, 240]);
  });

  test('has a tag of its own for whatever shapes the bytes, and one for the same bytes', async () => {
    const tags: unknown[] = [];
    for (const query of ['', '&into=b', '&size=320', '&lambda=0.1', '&format=png', '&quality=50'])
      tags.push((await morph(query)).headers.etag);
    tags.push((await get(`/morph?a=${a}&b=${b}`)).headers.etag);
    expect(new Set(tags).size).toBe(7);
    expect((await morph('&size=640&into=a')).headers.etag).toBe(tags[0]);
    expect(jobs).toHaveLength(7);
    const cached = await service.app.inject({
      url: `/morph?a=${a}&b=${b}&placement=original`,
      headers: { 'if-none-match': `${tags[0]}` },
    });
    expect(cached.statusCode).toBe(304);
  });

  test('another quad or other landmarks are another image', async () => {
    const { etag } = (await morph()).headers;
    const { id } = await storePhoto(640, 480, {
      latentHash: `latent of ${a}`,
      quad: [
        [101, 100],
        [101, 300],
        [301, 300],
        [301, 100],
      ],
    });
    const other = await get(`/morph?a=${id}&b=${b}&placement=original`);
    const { id: face } = await storePhoto(640, 480, { latentHash: `latent of ${a}`, face: 1 });
    const again = await get(`/morph?a=${face}&b=${b}&placement=original`);
    // The two faces of `detection` share their landmarks: the same photo, the same place.
    expect(other.headers.etag).not.toBe(etag);
    expect(again.headers.etag).toBe(etag);
  });

  test.each([
    ['into without a photo', '&placement=aligned&into=b', /placement aligned, which has no photo/],
    ['into of a third', '&into=c', /one of a, b for `into` but received 'c'/],
    ['another placement', '&placement=behind', /one of aligned, original for `placement`/],
    ['a size above that of the photo', '&size=641', /640 x 480 pixels; expected at most 640/],
    ['a size of 5000', '&into=b&size=5000', /64 to 4096 for `size`/],
    ['a square of 1025', '&placement=aligned&size=1025', /64 to 1024 for `size` with placement aligned/],
  ])('refuses %s', async (_, query, detail) => {
    const own = query.includes('placement=') ? '' : '&placement=original';
    const response = await get(`/morph?a=${a}&b=${b}${own}${query}`);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('answers 409 when the photo was not kept, whatever was rendered before', async () => {
    await morph('&into=b');
    await service.deps.blobs.delete('photo-3000.jpg');
    const gone = (await morph('&into=b')).json();
    expect(gone).toMatchObject({ status: 409, code: 'ORIGINAL_NOT_KEPT', parameter: 'b', embedding: b });
    expect(gone.detail).toMatch(/given as `b` was not kept.*placement aligned, or embed the photo again/);
    expect((await morph()).statusCode).toBe(200);
    b = (await storeFinished(service)).id;
    expect((await morph('&into=b')).json()).toMatchObject({ status: 409, code: 'ORIGINAL_NOT_KEPT' });
  });

  test('deleting either embedding deletes what was drawn into the photo of one', async () => {
    await morph();
    expect(await service.deps.blobs.has(renderBlob(jobs[0]!.key))).toBe(true);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${b}` });
    expect(await service.deps.blobs.has(renderBlob(jobs[0]!.key))).toBe(false);
  });
});

describe('POST /morph with placement original', () => {
  test('draws into the photo of the first latent, or of the one that is named', async () => {
    const latents = [{ id: a }, { id: b }];
    for (const into of [undefined, b])
      expect((await mix({ latents, placement: 'original', into })).statusCode).toBe(200);
    expect(jobs.map(({ place }) => place!.original)).toEqual(['photo-640.jpg', 'photo-3000.jpg']);
    expect(jobs[0]!.key).not.toBe(jobs[1]!.key);
  });

  test.each([
    [
      'an id that takes no part',
      { placement: 'original', into: 'emb_other' },
      /'emb_other', which is none of/,
    ],
    ['into without a photo', { into: 'emb_other' }, /placement aligned, which has no photo/],
    ['a size above that of the photo', { placement: 'original', size: 700 }, /at most 640/],
  ])('refuses %s', async (_, body, detail) => {
    const response = await mix({ latents: [{ id: a }, { id: b }], ...body });
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
  });

  test('answers 409 when the photo was not kept', async () => {
    await service.deps.blobs.delete('photo-3000.jpg');
    const response = await mix({ latents: [{ id: a }, { id: b }], placement: 'original', into: b });
    expect(response.json()).toMatchObject({
      status: 409,
      code: 'ORIGINAL_NOT_KEPT',
      parameter: 'latents/1',
      embedding: b,
    });
  });
});

describe('GET /embeddings/{id}/image with placement original', () => {
  test('renders the latent into the photo once', async () => {
    const first = await placed('&format=png');
    expect([first.statusCode, first.headers['content-type']]).toEqual([200, 'image/png']);
    expect((await placed('&format=png&size=640')).headers.etag).toBe(first.headers.etag);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toMatchObject({ kind: 'blend', latents: ['l640'], weights: [Array(16).fill(1)] });
    expect(jobs[0]!.place!.original).toBe('photo-640.jpg');
  });

  test('is deleted with the embedding', async () => {
    await placed();
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${a}` });
    expect(await service.deps.blobs.has(renderBlob(jobs[0]!.key))).toBe(false);
    expect((await placed()).statusCode).toBe(404);
  });

  test('takes the format from Accept and the quality from the query', async () => {
    await placed('&quality=40&size=100');
    await placed();
    expect(jobs.map(({ quality, format }) => [quality, format])).toEqual([
      [40, 'jpeg'],
      [92, 'jpeg'],
    ]);
  });

  test.each([
    ['another kind', 'kind=aligned&placement=original', /kind aligned; expected kind reconstruction/],
    ['a size without a photo', 'kind=reconstruction&size=512', /`size` with placement aligned/],
    ['a format without a photo', 'kind=original&format=png', /`format` with placement aligned/],
    ['a quality without a photo', 'kind=preview&quality=9', /`quality` with placement aligned/],
    ['a size above that of the photo', 'kind=reconstruction&placement=original&size=700', /at most 640/],
  ])('refuses %s', async (_, query, detail) => {
    const response = await image(query);
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(response.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });

  test('answers 409 while there is no latent, and when the photo was not kept', async () => {
    const kept = a;
    a = (await storePhoto(800, 600, { state: 'running' })).id;
    expect((await placed()).json()).toMatchObject({ status: 409, code: 'IMAGE_NOT_READY', state: 'running' });
    a = kept;
    await service.deps.blobs.delete('photo-640.jpg');
    expect((await placed()).json()).toMatchObject({ status: 409, code: 'ORIGINAL_NOT_KEPT', embedding: a });
  });
});
