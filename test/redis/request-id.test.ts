/** The id of a request: in its answer, in problems, in the log, and in the lines of the workers that do its jobs. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.js';
import { startApp, storePair, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker } from '../support/worker.js';

const GIVEN = 'web-42.retry_1';
const MADE = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

let server: TestRedis;
let service: TestApp;
let lines: string[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  lines = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  service = await startApp(server.url, { log: createLog('api', 'debug', destination) });
});
afterEach(() => service.close());

const ask = (url: string, id: string, method: 'GET' | 'PUT' | 'POST' = 'GET', payload?: object) =>
  service.app.inject({ url, method, headers: { 'x-request-id': id }, ...(payload && { payload }) });

describe('X-Request-Id', () => {
  test.each([
    ['/healthz', 200],
    ['/openapi.yaml', 200],
    ['/docs/', 200],
    ['/nowhere', 404],
    ['/embeddings/emb_x', 404],
    ['/embeddings?limit=x', 400],
    ['/%', 400],
    ['/readyz', 503],
  ])('is echoed by %s, %i', async (url, status) => {
    const answer = await ask(url, GIVEN);
    expect([answer.statusCode, answer.headers['x-request-id']]).toEqual([status, GIVEN]);
    if (answer.headers['content-type'] === 'application/problem+json')
      expect(answer.json().instance).toBe(GIVEN);
  });

  test('is echoed where a method, a body or a media type is refused', async () => {
    for (const answer of [
      await ask('/embeddings', GIVEN, 'PUT'),
      await ask('/morph', GIVEN, 'POST', { latents: [] }),
      await ask('/embeddings', GIVEN, 'POST', {}),
    ]) {
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect([answer.headers['x-request-id'], answer.json().instance]).toEqual([GIVEN, GIVEN]);
    }
  });

  test.each(['', 'a b', 'a,b', '<script>', 'ä', `${'x'.repeat(129)}`, '"a"'])(
    'is made anew in place of %j',
    async (id) => {
      expect((await ask('/healthz', id)).headers['x-request-id']).toMatch(MADE);
    },
  );

  test('of 128 characters is taken; each request without one has its own', async () => {
    const long = 'x'.repeat(128);
    expect((await ask('/healthz', long)).headers['x-request-id']).toBe(long);
    const [one, two] = [await service.app.inject('/healthz'), await service.app.inject('/healthz')];
    expect(one.headers['x-request-id']).not.toBe(two.headers['x-request-id']);
  });

  test('is there where the request is not even HTTP', async () => {
    const address = new URL(await service.app.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(address.port), '127.0.0.1');
    socket.end('nonsense\r\n\r\n');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await once(socket, 'close');
    const [, id] = /^x-request-id: (\S+)\r$/m.exec(text)!;
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ status: 400, instance: id });
  });

  test('is in every line about the request, of the API and of the worker that does its jobs', async () => {
    const worker = await startWorker(service, server.url);
    try {
      worker.engine.fades = { photo: 0, rate: 0.03 };
      const form = new FormData();
      form.set('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), 'a.jpg');
      form.set('steps', '40');
      const posted = await service.post(form, { 'x-request-id': GIVEN });
      const { id } = posted.json();
      await expect
        .poll(async () => (await service.app.inject(`/embeddings/${id}`)).json().state)
        .toBe('succeeded');
      // A body that is parsed: what reads it calls back from elsewhere.
      const refused = await ask('/morph', GIVEN, 'POST', { latents: [{ id }, { id: 'emb_x' }] });
      expect(refused.statusCode).toBe(404);
    } finally {
      await worker.close();
    }
    const parsed = lines.map((line) => JSON.parse(line));
    expect(parsed.filter(({ reqId }) => reqId === GIVEN).map(({ msg, route }) => route ?? msg)).toEqual([
      'starting multipart parsing',
      '/embeddings',
      'request refused',
      '/morph',
    ]);
    expect(parsed.filter(({ reqId }) => reqId === undefined)).toEqual([]);
    const ofJob = worker.lines
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg !== 'photos at a time');
    expect(ofJob.map(({ msg, reqId }) => [msg, reqId])).toEqual(
      expect.arrayContaining([
        ['a projection went wrong and was taken back', GIVEN],
        ['embedding ended', GIVEN],
      ]),
    );
    expect(ofJob.filter(({ reqId }) => reqId !== GIVEN)).toEqual([]);
  });

  test('of a request with a parsed body reaches its job', async () => {
    const trails: unknown[] = [];
    service.serveRenders(async (job, { blobs }) => {
      trails.push((job as { trail?: unknown }).trail);
      if ('key' in job) await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    });
    const [a, b] = await storePair(service);
    const address = await service.app.listen({ host: '127.0.0.1', port: 0 });
    const body = JSON.stringify({ latents: [{ id: a }, { id: b }] });
    const headers = { 'content-type': 'application/json', 'x-request-id': GIVEN };
    // In two pieces: what comes later comes from outside of whatever the first has begun.
    const slow = async function* () {
      yield Buffer.from(body.slice(0, 5));
      await sleep(50);
      yield Buffer.from(body.slice(5));
    };
    const request = { method: 'POST', headers, body: Readable.from(slow()), duplex: 'half' as const };
    expect((await fetch(`${address}/morph`, request as RequestInit)).status).toBe(200);
    expect(trails).toEqual([{ request: GIVEN }]);
  });
});
