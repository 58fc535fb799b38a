/** Several photos in one request of which some are refused. The consumer stands for a worker. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import { detection, eachTestOnApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';

type Bytes = Uint8Array<ArrayBuffer>;

let service: TestApp;
let jpeg: Bytes;
const pdf: Bytes = new Uint8Array(Buffer.from('%PDF-1.7'));
let faces: () => number;

eachTestOnApp(async (app) => {
  service = app;
  jpeg ??= new Uint8Array(await readFile(SMALL_PHOTO));
  faces = () => 1;
  service.serveRenders(async () => detection(faces()));
});

function form(photos: readonly Bytes[], fields: Record<string, string> = { partial: 'true' }): FormData {
  const data = new FormData();
  for (const photo of photos) data.append('image', new Blob([photo]), 'photo.jpg');
  // Last: whether the request is partial may be known only after its photos.
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  return data;
}

interface Result {
  index: number;
  embedding?: { id: string };
  problem?: { code: string; detail: string };
}
const codes = ({ results }: { results: Result[] }) =>
  results.map(({ index, embedding, problem }) => [index, embedding ? 'accepted' : problem?.code]);

test('accepts what can be accepted, and tells about each photo in order', async () => {
  const answer = await service.post(form([jpeg, pdf, jpeg, jpeg.slice(0, 5_000)]));
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([202, '2']);
  expect(codes(answer.json())).toEqual([
    [0, 'accepted'],
    [1, 'IMAGE_UNSUPPORTED'],
    [2, 'accepted'],
    [3, 'IMAGE_UNREADABLE'],
  ]);
  expect(answer.json().results[1].problem).toMatchObject({
    status: 415,
    index: 1,
    detail: expect.stringMatching(/^Photo 2 of 4: /),
  });
  expect(await service.blobFiles()).toHaveLength(2);
  expect((await service.app.inject('/embeddings')).json().embeddings).toHaveLength(2);
});

test('of a photo in which no face is found nothing stays stored', async () => {
  let jobs = 0;
  faces = () => (jobs++ === 0 ? 0 : 1);
  const found = codes((await service.post(form([jpeg, jpeg]))).json()).map(([, code]) => code);
  expect(found.toSorted()).toEqual(['FACE_NOT_FOUND', 'accepted']);
  expect(await service.blobFiles()).toHaveLength(1);
});

test('one photo is a list of one', async () => {
  expect(codes((await service.post(form([jpeg]))).json())).toEqual([[0, 'accepted']]);
});

test('a photo over the limit is one of the refused', async () => {
  Object.assign(service.deps.config, { maxUploadBytes: 2 ** 20 });
  const answer = await service.post(form([new Uint8Array(2 ** 20 + 1), jpeg]));
  expect(codes(answer.json())).toEqual([
    [0, 'IMAGE_TOO_LARGE'],
    [1, 'accepted'],
  ]);
});

test('is all or nothing where nothing is said', async () => {
  const answer = await service.post(form([jpeg, pdf], {}));
  expect(answer.json()).toMatchObject({ status: 415, code: 'IMAGE_UNSUPPORTED', index: 1 });
  expect(await service.blobFiles()).toEqual([]);
});

test('answers 422 with every problem when none is accepted, and stores nothing', async () => {
  faces = () => 0;
  const answer = await service.post(form([pdf, jpeg]));
  expect(answer.json()).toMatchObject({
    status: 422,
    code: 'NOTHING_ACCEPTED',
    problems: [
      { index: 0, problem: { code: 'IMAGE_UNSUPPORTED' } },
      { index: 1, problem: { code: 'FACE_NOT_FOUND' } },
    ],
  });
  expect(await service.blobFiles()).toEqual([]);
});

test('an outage refuses all, since no other photo would help', async () => {
  let count = 0;
  faces = () => {
    count++;
    if (count === 2) throw new AppError('UNAVAILABLE', { detail: 'Away.' });
    return 1;
  };
  const answer = await service.post(form([jpeg, jpeg]));
  expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect(await service.blobFiles()).toEqual([]);
});

test('several embeddings of one photo share its index', async () => {
  faces = () => 2;
  const answer = await service.post(form([pdf, jpeg], { partial: 'true', face: 'all' }));
  expect(codes(answer.json())).toEqual([
    [0, 'IMAGE_UNSUPPORTED'],
    [1, 'accepted'],
    [1, 'accepted'],
  ]);
});

test('more photos than a request may have are refused as a whole', async () => {
  const answer = await service.post(form(Array(9).fill(jpeg)));
  expect(answer.json()).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
  expect(answer.json().detail).toMatch(/at most 8/);
});

test('a repetition with the same Idempotency-Key gets the same answer, refusals included', async () => {
  faces = () => 2;
  const key = { 'idempotency-key': 'batch-1' };
  const send = () => service.post(form([pdf, jpeg, jpeg], { partial: 'true', face: 'all' }), key);
  const first = await send();
  // A worker that would see otherwise now changes nothing.
  faces = () => 0;
  const again = await send();
  expect(again.headers['idempotent-replayed']).toBe('true');
  expect([again.statusCode, codes(again.json())]).toEqual([202, codes(first.json())]);
  const idsOf = ({ results }: { results: Result[] }) => results.map(({ embedding }) => embedding?.id);
  expect(idsOf(again.json())).toEqual(idsOf(first.json()));
  expect(again.json().results[0]).toEqual(first.json().results[0]);
  expect((await service.app.inject('/embeddings')).json().embeddings).toHaveLength(4);
});

test('all finished within the preferred time is answered with 200', async () => {
  const { records } = service.deps;
  const done = service.post(form([pdf, jpeg]), { prefer: 'wait=30' });
  const listed = async () => (await service.app.inject('/embeddings')).json().embeddings[0]?.id as string;
  await expect.poll(listed).toBeDefined();
  const id = await listed();
  await records.begin(id, 1);
  await records.fail(id, 1, { code: 'ENGINE_FAILED', detail: 'x' });
  expect((await done).statusCode).toBe(200);
});
