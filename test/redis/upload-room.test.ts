/** More uploads at a time than there is room for, over real sockets. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { detection, startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const MIB = 2 ** 20;

let server: TestRedis;
let service: TestApp;
let photo: Blob;
let sockets: Socket[];
beforeAll(async () => {
  server = await startRedis();
  photo = new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]);
});
afterAll(() => server.stop());
beforeEach(async () => {
  sockets = [];
  const config = loadConfig({ LATENTMORPH_UPLOADS_MIB: '10' });
  service = await startApp(server.url, { config: { ...config, keyPrefix: `room-${Math.random()}` } });
  service.serveRenders(async () => detection(1));
  await service.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await service.close();
});

/** Begins an upload and sends nothing of it. */
async function begin(length: number | 'unknown', path = '/embeddings'): Promise<Socket> {
  const { taken } = service.app.uploads;
  const socket = connect((service.app.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  const size = length === 'unknown' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  const type = 'content-type: multipart/form-data; boundary=x';
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\n${type}\r\n${size}\r\n\r\n`);
  await expect.poll(() => service.app.uploads.taken).toBeGreaterThan(taken);
  return socket;
}

async function post(url = '/embeddings') {
  const form = new FormData();
  form.set('image', photo, 'a.jpg');
  return service.post(form, {}, url);
}

/** The upload is refused as long as others hold the room. */
const refused = async (url?: string) => {
  const answer = await post(url);
  return answer.statusCode === 503 && answer.json().code === 'BUSY' && 'retry-after' in answer.headers;
};

test.each([
  ['of a known length', 10 * MIB],
  ['of any length', 'unknown'],
] as const)('an upload %s that does not come keeps others out until it has gone', async (_, length) => {
  expect((await post()).statusCode).toBe(202);
  const slow = await begin(length);
  expect(await refused()).toBe(true);
  expect(await refused('/faces')).toBe(true);
  // What needs no room is served.
  expect((await service.app.inject('/embeddings')).statusCode).toBe(200);
  slow.destroy();
  await expect.poll(async () => (await post()).statusCode).toBe(202);
});

test('uploads that fit go side by side', async () => {
  await begin(4 * MIB);
  await begin(5 * MIB, '/faces');
  expect((await post()).statusCode).toBe(202);
  await begin(MIB);
  expect(await refused()).toBe(true);
});

test('a refused upload takes no room', async () => {
  const slow = await begin(10 * MIB);
  expect(await refused()).toBe(true);
  for (let i = 0; i < 20; i++) expect(await refused()).toBe(true);
  slow.destroy();
  await expect.poll(async () => (await post()).statusCode).toBe(202);
});
