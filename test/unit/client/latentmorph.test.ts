/** The client against a server that says what a test tells it to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { embeddingEvents } from '../../../clients/typescript/src/events.js';
import { Latentmorph } from '../../../clients/typescript/src/latentmorph.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let client: Latentmorph;
let baseUrl: string;
/** What is answered, in turn; the last one for ever. */
let answers: Answer[];
let requests: IncomingMessage[];

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    // A body is read before anything is answered, as the service does.
    request
      .resume()
      .on('end', () => (answers.length > 1 ? answers.shift() : answers[0])?.(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/faces`;
  client = new Latentmorph({ baseUrl: `${baseUrl}/`, key: 'lm_secret' });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    const type = status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
  };
const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  json(
    status,
    { type: 'urn', title: 'A title.', status, code, instance: 'req-1', detail: 'A detail.' },
    headers,
  );
const hangUp: Answer = (request) => request.socket.destroy();
const embedding = { id: 'emb_1', state: 'succeeded', createdAt: '', options: {}, links: { self: '' } };
const photo = Buffer.from('a photo');

describe('a request', () => {
  test('goes below the path of the base URL, with the key, escaped', async () => {
    answers = [json(200, embedding)];
    expect(await client.get('a/b?c')).toEqual(embedding);
    expect(requests[0]!.url).toBe('/faces/embeddings/a%2Fb%3Fc');
    expect(requests[0]!.headers.authorization).toBe('Bearer lm_secret');
    await expect(client.get('')).rejects.toThrow('Expected `id` for getEmbedding but received nothing.');
  });

  test('that is refused throws the problem, typed, with the id of the request', async () => {
    answers = [problem(404, 'EMBEDDING_NOT_FOUND')];
    await expect(client.get('emb_1')).rejects.toMatchObject({
      name: 'LatentmorphError',
      code: 'EMBEDDING_NOT_FOUND',
      status: 404,
      detail: 'A detail.',
      requestId: 'req-1',
      attempts: 1,
    });
  });

  test('that is answered by something in between says so', async () => {
    answers = [(_, response) => response.writeHead(404).end('<h1>nginx</h1>')];
    await expect(client.get('emb_1')).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 404 });
  });

  test('gets every documented answer as an answer, be it 503', async () => {
    answers = [json(503, { ready: false, redis: true, missing: ['render'], workers: [] })];
    const answer = await client.request('getReadiness');
    expect(answer).toMatchObject({ status: 503, data: { missing: ['render'] } });
  });
});

describe('a repetition', () => {
  test('comes when the service asks for it, and not before', async () => {
    answers = [problem(429, 'RATE_LIMITED', { 'retry-after': '1' }), json(200, embedding)];
    const started = performance.now();
    await client.get('emb_1');
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    expect(requests).toHaveLength(2);
  });

  test('of an upload whose answer was lost bears the same key, so that it acts once', async () => {
    answers = [hangUp, problem(503, 'UNAVAILABLE'), json(202, embedding)];
    await client.embed(photo);
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(keys).size).toBe(1);
    await client.embed(photo);
    expect(requests[3]!.headers['idempotency-key']).not.toBe(keys[0]);
  });

  test('comes, too, where the connection is lost in the middle of the answer', async () => {
    answers = [
      (_, response) => {
        response.writeHead(200, { 'content-type': 'image/png', 'content-length': 8 });
        response.write('half', () => setTimeout(() => response.socket?.destroy(), 20));
      },
      (_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('all of it'),
    ];
    expect(await client.morph({ a: 'A', b: 'B' })).toEqual(new Uint8Array(Buffer.from('all of it')));
  });

  test('of what may have acted already and has no key never comes', async () => {
    answers = [hangUp];
    await expect(client.cancel('emb_1')).rejects.toMatchObject({ code: 'NO_ANSWER', status: 0, attempts: 1 });
    answers = [problem(503, 'UNAVAILABLE')];
    await expect(client.cancel('emb_1')).rejects.toMatchObject({ code: 'UNAVAILABLE', attempts: 1 });
    answers = [problem(503, 'BUSY'), json(200, embedding)];
    await client.cancel('emb_1');
    expect(requests).toHaveLength(4);
  });

  test('ends after the retries, and is not waited for where it is too far away', async () => {
    const eager = new Latentmorph({ baseUrl, retries: 1 });
    answers = [hangUp];
    await expect(eager.get('emb_1')).rejects.toMatchObject({ code: 'NO_ANSWER', attempts: 2 });
    answers = [problem(429, 'QUOTA_EXCEEDED', { 'retry-after': '36000' })];
    await expect(eager.get('emb_1')).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED', retryAfter: 36000 });
    expect(requests).toHaveLength(3);
  });

  test('of a deletion that finds nothing has succeeded', async () => {
    answers = [hangUp, problem(404, 'EMBEDDING_NOT_FOUND')];
    await client.delete('emb_1');
    answers = [problem(404, 'EMBEDDING_NOT_FOUND')];
    await expect(client.delete('emb_1')).rejects.toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
  });

  test('stops with the reason of the signal, also during the pause', async () => {
    answers = [problem(429, 'RATE_LIMITED', { 'retry-after': '30' })];
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(client.get('emb_1', { signal: controller.signal })).rejects.toThrow('enough');
    await expect(client.get('emb_1', { signal: controller.signal })).rejects.toThrow('enough');
    expect(requests).toHaveLength(1);
  });
});

describe('events', () => {
  const stream =
    (text: string, { isCut = true } = {}): Answer =>
    (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(text, () => isCut && setTimeout(() => response.socket?.destroy(), 20));
    };
  const event = (id: string, type: string, data: object) =>
    `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  const progress = { step: 1, steps: 2, fraction: 0.5, loss: 3, secondsLeft: 4 };

  test('go on after a lost connection where they were, and end with the result', async () => {
    answers = [
      stream(
        `retry: 10\n\n${event('1-0', 'state', embedding)}: still here\n\n${event('2-0', 'progress', progress)}id: 3-0\neve`,
      ),
      stream(event('3-0', 'result', embedding), { isCut: false }),
    ];
    const seen: unknown[] = [];
    for await (const one of client.events('emb_1')) seen.push(one);
    expect(seen).toEqual([
      { type: 'state', embedding },
      { type: 'progress', progress },
      { type: 'result', embedding },
    ]);
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2-0']);
  });

  test('are read however the bytes are cut', async () => {
    const text = Buffer.from(
      `retry: 10\r\n\r\n${event('1-0', 'result', { ...embedding, device: 'Zürich' })}`,
    );
    answers = [
      async (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const byte of text) {
          response.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    ];
    for await (const one of client.events('emb_1')) {
      expect(one).toMatchObject({ type: 'result', embedding: { device: 'Zürich' } });
    }
  });

  test('that a proxy does not let through are made up for by waiting requests', async () => {
    answers = [
      json(202, { ...embedding, state: 'queued' }),
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('buffered'),
      json(200, { ...embedding, state: 'running', progress }),
      json(200, embedding),
    ];
    const steps: number[] = [];
    const done = await client.embedAndWait(
      photo,
      { preset: 'draft' },
      { onProgress: ({ step }) => steps.push(step) },
    );
    expect(done).toEqual(embedding);
    expect(steps).toEqual([1]);
    expect(requests.slice(2).map(({ headers }) => headers.prefer)).toEqual(['wait=30', 'wait=30']);
  });

  test('are given up where nothing comes of one connection after the other', async () => {
    const open = (_: string | undefined, signal: AbortSignal) => fetch(baseUrl, { signal });
    const iterate = async () => {
      for await (const _ of embeddingEvents(open, { silenceMs: 50, retryMs: 10 }));
    };
    for (const isSilent of [true, false]) {
      requests = [];
      answers = [
        (_, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
          if (!isSilent) response.end();
        },
      ];
      await expect(iterate()).rejects.toMatchObject({ code: 'NO_ANSWER' });
      expect(requests).toHaveLength(3);
    }
  });

  test('are waited for over any number of connections on which the service says that it is there', async () => {
    const alive = stream('retry: 10\n\n: still here\n\n');
    answers = [alive, alive, alive, alive, stream(event('1-0', 'result', embedding))];
    const seen: string[] = [];
    for await (const { type } of client.events('emb_1')) seen.push(type);
    expect(seen).toEqual(['result']);
  });

  test('of an embedding that fails become its error', async () => {
    const error = { status: 500, code: 'LATENT_DIVERGED', title: 'It diverged.', detail: 'At step 3.' };
    answers = [
      json(202, { ...embedding, state: 'queued' }),
      stream(event('1-0', 'result', { ...embedding, state: 'failed', error })),
    ];
    await expect(client.embedAndWait(photo)).rejects.toMatchObject({
      code: 'LATENT_DIVERGED',
      status: 500,
      message: 'At step 3.',
    });
    answers = [json(202, embedding), stream(event('1-0', 'result', { ...embedding, state: 'cancelled' }))];
    await expect(client.embedAndWait(photo)).rejects.toMatchObject({ code: 'EMBEDDING_NOT_READY' });
  });

  test('stop with the signal while nothing happens', async () => {
    answers = [stream('retry: 10\n\n', { isCut: false })];
    const iterate = async () => {
      for await (const _ of client.events('emb_1', { signal: AbortSignal.timeout(100) }));
    };
    await expect(iterate()).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('addresses', () => {
  test('hold the parameters, and are signed as the service sees them', async () => {
    const query = { a: 'A', b: 'B', lambda: 0.5, parts: undefined };
    expect(client.morphUrl(query)).toBe(`${baseUrl}/morph?a=A&b=B&lambda=0.5`);
    expect(client.imageUrl('A', { kind: 'aligned' })).toBe(`${baseUrl}/embeddings/A/image?kind=aligned`);
    const bodies: unknown[] = [];
    server.removeAllListeners('request').on('request', async (request, response) => {
      bodies.push(JSON.parse((await request.toArray()).join('')));
      json(201, { url: '/morph?signature=1', expiresAt: '' })(request, response);
    });
    expect(await client.signedMorphUrl(query, { expiresIn: 60 })).toBe(`${baseUrl}/morph?signature=1`);
    expect(bodies).toEqual([{ url: '/morph?a=A&b=B&lambda=0.5', expiresIn: 60 }]);
  });
});
