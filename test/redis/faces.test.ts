/** `POST /faces`, and which faces of a photo `POST /embeddings` takes. The consumer stands for a worker. */
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Detection, Examination } from '../../src/contracts.js';
import { AppError } from '../../src/errors.js';
import type { RenderJob } from '../../src/jobs.js';
import { detection, eachTestOnApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';

let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
let jobs: RenderJob[];
/** What the worker answers. */
let seen: (job: RenderJob) => Detection | Examination;

eachTestOnApp(async (app) => {
  service = app;
  jobs = [];
  jpeg ??= new Uint8Array(await readFile(SMALL_PHOTO));
});

const serve = () =>
  service.serveRenders(async (job, { blobs }) => {
    jobs.push(job);
    const found = seen(job);
    if (job.kind !== 'faces') return found;
    await blobs.put(job.result, Buffer.from(JSON.stringify(found)));
    return undefined;
  });

function photo(fields: Record<string, string> = {}, bytes: Uint8Array<ArrayBuffer> = jpeg): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.append('image', new Blob([bytes]), 'a.jpg');
  return form;
}

/** What a worker sees of `count` faces, the last of them small. */
function examination(count: number): Examination {
  const { faces, ...size } = detection(count);
  const angle = { roll: 1, yaw: -2, pitch: 3 };
  const warning = { code: 'TINY' as const, text: 'The face is small: its square has a side of 80 px.' };
  return {
    ...size,
    faces: faces.map((face, i) => ({
      ...face,
      angle,
      sharpness: 0.2,
      side: i + 1 < count ? 400 : 80,
      warnings: i + 1 < count ? [] : [warning],
    })),
  };
}

/** Of jobs that are named by a UUID. */
async function jobKeys(): Promise<string[]> {
  const keys = await service.redis.keys(`${service.deps.config.keyPrefix}:render:*`);
  return keys.filter((key) => /:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.test(key));
}

describe('POST /faces', () => {
  const look = (form: FormData) => service.post(form, {}, '/faces');
  beforeEach(() => {
    seen = () => examination(3);
  });

  test('lists all faces with their index, and why one is not fit', async () => {
    serve();
    const answer = await look(photo());
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    const { faces, ...size } = answer.json();
    expect(size).toEqual({ width: 640, height: 480 });
    expect(faces).toMatchObject([
      { index: 0, fit: true, reasons: [], size: 400, angle: { roll: 1, yaw: -2, pitch: 3 }, sharpness: 0.2 },
      { index: 1, fit: true },
      { index: 2, fit: false, reasons: [{ code: 'TINY' }], size: 80 },
    ]);
    expect(faces[0].landmarks).toHaveLength(68);
    expect(faces[0].box).toEqual({ x: 0, y: 5, width: 100, height: 120 });
  });

  test('answers 200 with an empty list where there is no face', async () => {
    seen = () => examination(0);
    serve();
    const answer = await look(photo());
    expect([answer.statusCode, answer.json().faces]).toEqual([200, []]);
  });

  test('keeps neither photo, record, nor what the worker saw', async () => {
    let during: string[] = [];
    const { blobs } = service.deps;
    service.serveRenders(async (job) => {
      if (job.kind !== 'faces') return undefined;
      during = await service.blobFiles();
      await blobs.put(job.result, Buffer.from(JSON.stringify(examination(1))));
      return undefined;
    });
    expect((await look(photo())).statusCode).toBe(200);
    expect(during).toHaveLength(1);
    expect(await service.blobFiles()).toEqual([]);
    expect(await jobKeys()).toEqual([]);
    const { keyPrefix } = service.deps.config;
    expect(await service.redis.keys(`${keyPrefix}:embedding:*`)).toEqual([]);
    const events = await service.redis.xrange(`${keyPrefix}:render:events`, '-', '+');
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toMatch(/landmarks|width/);
  });

  test('keeps nothing when the worker fails or none is there', async () => {
    service.deps.patience.renderMs = 50;
    expect((await look(photo())).json()).toMatchObject({ status: 503, code: 'BUSY' });
    seen = () => {
      throw new AppError('IMAGE_UNREADABLE', { detail: 'Bad pixels.' });
    };
    service.deps.patience.renderMs = 5_000;
    serve();
    expect((await look(photo())).json()).toMatchObject({ status: 422, code: 'IMAGE_UNREADABLE' });
    expect(await service.blobFiles()).toEqual([]);
    expect(await jobKeys()).toEqual([]);
  });

  test('shows the worker the photo upright and without metadata', async () => {
    serve();
    await look(photo());
    expect(jobs).toMatchObject([{ kind: 'faces', blob: expect.stringMatching(/^looked-at\/[\w-]+\.jpg$/) }]);
  });

  test.each([
    ['no photo', () => new FormData(), 400, 'IMAGE_MISSING', /body is empty|no photo/],
    [
      'an option',
      () => photo({ steps: '5' }),
      400,
      'BAD_REQUEST',
      /'steps'; expected the file field `image` alone/,
    ],
    ['what is no image', () => photo({}, new Uint8Array(9)), 415, 'IMAGE_UNSUPPORTED', /./],
    [
      'two photos',
      () => {
        const form = photo();
        form.append('image', new Blob([jpeg]), 'b.jpg');
        return form;
      },
      413,
      'PAYLOAD_TOO_LARGE',
      /at most 1 photo/,
    ],
  ])('refuses %s', async (_, form, status, code, detail) => {
    serve();
    const answer = await look(form());
    expect(answer.json()).toMatchObject({ status, code });
    expect(answer.json().detail).toMatch(detail);
    expect(jobs).toEqual([]);
  });
});

describe('face of POST /embeddings', () => {
  const selected = ({ faces }: { faces: { selected: boolean }[] }) => faces.map((face) => face.selected);

  test('takes the largest where nothing is said, or the one that is asked for', async () => {
    seen = () => detection(3);
    serve();
    expect(selected((await service.post(photo())).json())).toEqual([true, false, false]);
    expect(selected((await service.post(photo({ face: 'largest' }))).json())).toEqual([true, false, false]);
    expect(selected((await service.post(photo({ face: '2' }))).json())).toEqual([false, false, true]);
  });

  test('refuses an index that the photo does not have, and says how many there are', async () => {
    seen = () => detection(3);
    serve();
    const answer = (await service.post(photo({ face: '3' }))).json();
    expect(answer).toMatchObject({ status: 422, code: 'FACE_INDEX_UNKNOWN', faces: 3, index: 0 });
    expect(answer.detail).toBe('Received face 3, but the photo shows 3; expected 0 to 2, the largest first.');
    expect(await service.blobFiles()).toEqual([]);
  });

  test('all makes an embedding of each face, with a photo of its own', async () => {
    seen = () => detection(3);
    serve();
    const answer = await service.post(photo({ face: 'all', reference: 'group' }));
    expect(answer.statusCode).toBe(202);
    const { embeddings } = answer.json();
    expect(embeddings.map(selected)).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
    expect(embeddings.map(({ reference }: { reference: string }) => reference)).toEqual(
      Array(3).fill('group'),
    );
    expect(jobs).toHaveLength(1);
    const [first, second] = embeddings as { id: string }[];
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${first!.id}` });
    const image = await service.app.inject(`/embeddings/${second!.id}/image?kind=original`);
    expect(image.statusCode).toBe(200);
    expect(await service.blobFiles()).toHaveLength(2);
  });

  test('all of a photo with one face is a list of one', async () => {
    seen = () => detection(1);
    serve();
    expect((await service.post(photo({ face: 'all' }))).json().embeddings).toHaveLength(1);
  });

  test('all takes 16 faces and refuses 17', async () => {
    seen = () => detection(16);
    serve();
    expect((await service.post(photo({ face: 'all' }))).json().embeddings).toHaveLength(16);
    seen = () => detection(17);
    expect((await service.post(photo({ face: 'all' }))).json()).toMatchObject({
      status: 422,
      code: 'TOO_MANY_FACES',
      faces: 17,
    });
    expect(await service.blobFiles()).toHaveLength(16);
  });

  test('where no worker looks in time, an index is left to the embedding job and all is refused', async () => {
    service.deps.patience.detectMs = 50;
    const blind = await service.post(photo({ face: '2' }));
    expect(blind.statusCode).toBe(202);
    expect((await service.deps.records.get(blind.json().id))!.face).toBe(2);
    const all = await service.post(photo({ face: 'all' }));
    expect(all.json()).toMatchObject({ status: 503, code: 'BUSY' });
    expect(all.headers['retry-after']).toBeDefined();
    expect(await service.blobFiles()).toHaveLength(1);
  });

  test.each(['-1', '1.5', 'smallest', '', '100'])('refuses %j', async (face) => {
    const { code, detail } = (await service.post(photo({ face }))).json();
    expect(code).toBe('BAD_REQUEST');
    expect(detail).toMatch(/Expected `largest`, `all` or an index from 0 to 99 for `face`/);
  });
});

describe('tags of POST /embeddings', () => {
  beforeEach(() => {
    seen = () => detection(1);
    serve();
  });

  test('are kept, shown, and listed by', async () => {
    const tags = { labels: 'team, summer', reference: 'photo-4711', priority: 'high', store: 'latent-only' };
    const { id } = (await service.post(photo(tags))).json();
    const shown = { ...tags, labels: ['team', 'summer'] };
    expect((await service.app.inject(`/embeddings/${id}`)).json()).toMatchObject(shown);
    expect((await service.app.inject('/embeddings?label=summer')).json().embeddings).toMatchObject([{ id }]);
    expect((await service.app.inject('/embeddings?reference=photo-4711')).json().embeddings).toHaveLength(1);
    expect(await service.deps.records.get(id)).toMatchObject(shown);
  });

  test('let the urgent go first', async () => {
    const low = (await service.post(photo({ priority: 'low' }))).json().id;
    const normal = (await service.post(photo())).json().id;
    const high = (await service.post(photo({ priority: 'high' }))).json().id;
    const places = await Promise.all([high, normal, low].map((id) => service.deps.queues.position(id)));
    expect(places).toEqual([0, 1, 2]);
  });

  test.each([
    ['labels', '', /1 to 16 different labels/],
    ['labels', 'a,,b', /1 to 16 different labels/],
    ['labels', 'a,a', /1 to 16 different labels/],
    ['labels', Array.from({ length: 17 }, (_, i) => i).join(), /1 to 16 different labels/],
    ['reference', '', /1 to 200 printable/],
    ['reference', 'x'.repeat(201), /1 to 200 printable/],
    ['priority', 'urgent', /one of high, normal, low/],
    ['store', 'nothing', /one of all, latent-only/],
    ['partial', 'yes', /true or false/],
    ['generator', 'g:ab', /without a latent/],
  ])('refuse %s %j', async (field, value, detail) => {
    const answer = (await service.post(photo({ [field]: value }))).json();
    expect(answer).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(answer.detail).toMatch(detail);
  });
});
