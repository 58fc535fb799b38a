import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { detection, startApp, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const PHOTO = new URL('../../node_modules/@vladmandic/face-api/demo/sample1.jpg', import.meta.url);

let server: TestRedis;
let jpeg: Buffer;
let service: TestApp;
let port: number;

beforeAll(async () => {
  server = await startRedis();
  jpeg = await readFile(PHOTO);
});
afterAll(() => server.stop());
beforeEach(async () => {
  service = await startApp(server.url);
  service.serveRenders(async () => detection(1));
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  port = (service.app.server.address() as AddressInfo).port;
});
/** Whatever happened before, nothing was stored by it, and the next photo is accepted. */
afterEach(async () => {
  expect(await service.blobFiles()).toEqual([]);
  const form = new FormData();
  form.append('image', new Blob([Uint8Array.from(jpeg)]), 'photo.jpg');
  expect((await service.post(form)).statusCode).toBe(202);
  await service.close();
});

const head = (type: string, length: number | 'chunked') =>
  `POST /embeddings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\n${
    length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
  }\r\n\r\n`;

const filePart = (boundary: string, name: string, content: Buffer | string) =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"; filename="f.jpg"\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Sends raw bytes and returns everything that comes back. */
async function exchange(...pieces: (string | Buffer)[]): Promise<string> {
  const socket = await open();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

const post = (type: string, body: Buffer) => exchange(head(type, body.length), body);

test('a boundary of exactly 252 bytes', async () => {
  const boundary = 'b'.repeat(252);
  const body = Buffer.concat([filePart(boundary, 'image', 'no image'), Buffer.from(`--${boundary}--\r\n`)]);
  expect(await post(`multipart/form-data; boundary=${boundary}`, body)).toMatch(
    /^HTTP\/1\.1 4\d\d [\s\S]*"code":/,
  );
});

test('ten thousand empty parts', async () => {
  const body = Buffer.from(`${'--x\r\n\r\n\r\n'.repeat(10_000)}--x--\r\n`);
  expect(await post('multipart/form-data; boundary=x', body)).toMatch(/^HTTP\/1\.1 4\d\d /);
});

test('too many fields with the last one cut off', async () => {
  const field = '--x\r\ncontent-disposition: form-data; name="steps"\r\n\r\n1\r\n';
  const body = Buffer.from(field.repeat(60).slice(0, -10));
  expect(await post('multipart/form-data; boundary=x', body)).toMatch(/^HTTP\/1\.1 4\d\d /);
});

test.each(['__proto__', 'constructor', 'toString'])('a file in a field named %s', async (name) => {
  const body = Buffer.concat([filePart('x', name, jpeg), Buffer.from('--x--\r\n')]);
  expect(await post('multipart/form-data; boundary=x', body)).toMatch(/^HTTP\/1\.1 400 [\s\S]*BAD_REQUEST/);
});

test('an option field of JSON with forged members', async () => {
  const json = '{"__proto__":{"admin":true},"toString":1}';
  const body = Buffer.from(
    `--x\r\ncontent-disposition: form-data; name="steps"\r\ncontent-type: application/json\r\n\r\n${json}\r\n--x--\r\n`,
  );
  expect(await post('multipart/form-data; boundary=x', body)).toMatch(/^HTTP\/1\.1 400 [\s\S]*BAD_REQUEST/);
});

test.each([
  ' application/json',
  'application/json; x',
  'multipart/form-data\ta; boundary=x',
  'multipart/mixed; boundary=x',
  ';',
])('the content type %j', async (type) => {
  expect(await post(type, Buffer.from('{}'))).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*"code":/);
});

test('a client that goes away in the middle of a photo', async () => {
  const socket = await open();
  socket.write(head('multipart/form-data; boundary=x', jpeg.length + 1_000));
  socket.write(filePart('x', 'image', jpeg).subarray(0, jpeg.length / 2));
  await sleep(100);
  socket.destroy();
  await sleep(100);
});

test('half a megabyte in chunks of one byte', async () => {
  const body = Buffer.concat([filePart('x', 'photo', Buffer.alloc(2 ** 19)), Buffer.from('--x--\r\n')]);
  const chunked = Buffer.alloc(body.length * 6);
  for (let i = 0; i < body.length; i++) {
    chunked.write('1\r\n', i * 6, 'latin1');
    chunked[i * 6 + 3] = body[i]!;
    chunked.write('\r\n', i * 6 + 4, 'latin1');
  }
  const answer = await exchange(head('multipart/form-data; boundary=x', 'chunked'), chunked, '0\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*`image`/);
});

test.each(['GARBAGE\r\n\r\n', 'GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: nonsense\r\n\r\n'])(
  'what is not HTTP: %j',
  async (text) => {
    expect(await exchange(text)).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"BAD_REQUEST"/,
    );
  },
);
