/** Answers that stay open, and clients that take nothing of theirs, over real sockets. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { startApp, storeFinished, storePair, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const STALL_MS = 600;
const MIB = 2 ** 20;
/** Far more than the buffers of both ends of a connection hold. */
const LARGE = Buffer.concat([Buffer.from('RIFF    WEBP', 'latin1'), Buffer.alloc(48 * MIB)]);

let server: TestRedis;
let service: TestApp;
let sockets: Socket[];
/** The ends of the service of all connections. */
let served: Socket[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [sockets, served] = [[], []];
  const config = { ...loadConfig({ LATENTMORPH_FOLLOWERS: '3' }), keyPrefix: `open-${Math.random()}` };
  const patience = { detectMs: 5_000, renderMs: 5_000, stallMs: STALL_MS };
  service = await startApp(server.url, { config, patience });
  service.app.server.on('connection', (socket: Socket) => served.push(socket));
  await service.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await service.close();
});

/** Asks, and reads nothing until it is told to. */
async function ask(path: string, headers = ''): Promise<Socket> {
  const socket = connect((service.app.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`);
  return socket;
}

/** Follows a queued embedding until the service has let it in. */
async function follow(id: string): Promise<Socket> {
  const { count } = service.app.followers;
  const socket = await ask(`/embeddings/${id}/events`);
  await expect.poll(() => service.app.followers.count).toBe(count + 1);
  return socket;
}

const open = (): number => served.filter((socket) => !socket.destroyed).length;

/** Lets clients wait for as long as a busy machine makes them. */
const patiently = () => service.app.server.setTimeout(0);

describe('answers that follow an embedding', () => {
  beforeEach(patiently);

  test('are refused beyond the limit, until one has gone', async () => {
    const { id } = await storeFinished(service, { state: 'queued' });
    const first = await follow(id);
    await follow(id);
    await follow(id);
    const refused = await service.app.inject(`/embeddings/${id}/events`);
    expect(refused.json()).toMatchObject({ status: 503, code: 'BUSY' });
    expect(refused.headers['retry-after']).toBe('2');
    // Asking takes no place.
    expect((await service.app.inject(`/embeddings/${id}`)).statusCode).toBe(200);
    first.destroy();
    await expect.poll(() => service.app.followers.count).toBe(2);
    await follow(id);
  });

  test('do not wait beyond the limit, and say so', async () => {
    const { id } = await storeFinished(service, { state: 'queued' });
    const look = { url: `/embeddings/${id}`, headers: { prefer: 'wait=1' } };
    expect((await service.app.inject(look)).headers['preference-applied']).toBe('wait=1');
    for (let i = 0; i < 3; i++) await follow(id);
    const answer = await service.app.inject(look);
    expect(answer.json().state).toBe('queued');
    expect(answer.headers).not.toHaveProperty('preference-applied');
  });

  test('give their place back when they are answered', async () => {
    const { id } = await storeFinished(service);
    for (let i = 0; i < 5; i++)
      expect((await service.app.inject(`/embeddings/${id}/events`)).statusCode).toBe(200);
    await expect.poll(() => service.app.followers.count).toBe(0);
  });
});

describe('a client that takes nothing of its answer', () => {
  test('is let go where it asked for an image', async () => {
    service.serveRenders(async (job, { blobs }) => {
      if ('key' in job) await blobs.put(renderBlob(job.key), LARGE);
    });
    const [a, b] = await storePair(service);
    await ask(`/morph?a=${a}&b=${b}&lambda=0.5&format=webp`);
    await expect
      .poll(() => served.some(({ bytesWritten }) => bytesWritten > MIB), { timeout: 5_000 })
      .toBe(true);
    await expect.poll(open, { timeout: 20 * STALL_MS }).toBe(0);
  });

  test('is kept while it takes some, however slowly', async () => {
    service.serveRenders(async (job, { blobs }) => {
      if ('key' in job) await blobs.put(renderBlob(job.key), LARGE);
    });
    const [a, b] = await storePair(service);
    const socket = await ask(`/morph?a=${a}&b=${b}&lambda=0.5&format=webp`);
    let [taken, pauses] = [0, 0];
    for await (const part of socket as AsyncIterable<Buffer>) {
      taken += part.length;
      if (taken >= LARGE.length) break;
      if (pauses === 10 || taken < 4 * MIB * pauses) continue;
      pauses++;
      // Together far longer than what counts as nothing.
      await sleep(STALL_MS / 4);
    }
    expect(pauses).toBe(10);
    expect(taken).toBeGreaterThanOrEqual(LARGE.length);
  });

  test('does not have events piled up for it, and is let go', async () => {
    const { redis, deps } = service;
    // Each look at it is told with all its losses: some 70 KB.
    const losses = Array.from({ length: 4_000 }, (_, i) => 1_000 + i / 7);
    const { id } = await storeFinished(service, { state: 'running', losses });
    await follow(id);
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1_000; i++)
      pipeline.xadd(`${deps.config.keyPrefix}:events:${id}`, '*', 'event', 'state', 'data', '{}');
    await pipeline.exec();
    await redis.publish(`${deps.config.keyPrefix}:changed`, id);
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, ...served.map(({ writableLength }) => writableLength));
    }, 5);
    await expect.poll(open, { timeout: 20_000 }).toBe(0);
    clearInterval(look);
    // Of 70 MB.
    expect(most).toBeLessThan(MIB);
    await expect.poll(() => service.app.followers.count).toBe(0);
  });
});

test('no more than 32 animations are sent at a time', async () => {
  patiently();
  // No frame is ever made.
  service.serveRenders(() => new Promise(() => undefined));
  const [a, b] = await storePair(service);
  const url = `/morph/animation?a=${a}&b=${b}&format=gif`;
  for (let i = 0; i < 32; i++) await ask(url);
  await expect.poll(() => service.app.animations.count).toBe(32);
  const refused = (await service.app.inject(url)).json();
  expect(refused).toMatchObject({ status: 503, detail: expect.stringMatching(/^Too many animations/) });
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => service.app.animations.count).toBe(0);
});
