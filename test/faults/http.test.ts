/** HTTP and multipart that no well-meaning client sends. After each case nothing is stored or held, and the next request works. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { storePair } from '../support/app.js';
import { answered, eachTestOnHostileApp, filePart, type HostileApp, head } from '../support/hostile.js';

let app: HostileApp;
eachTestOnHostileApp((started) => {
  app = started;
});

test('a boundary of exactly 252 bytes (CVE-2026-19484)', async () => {
  const boundary = 'b'.repeat(252);
  const body = Buffer.concat([filePart(boundary, 'image', 'no image'), Buffer.from(`--${boundary}--\r\n`)]);
  expect(await app.post(`multipart/form-data; boundary=${boundary}`, body)).toEqual({
    status: 415,
    code: 'IMAGE_UNSUPPORTED',
  });
});

test('10,000 empty parts (CVE-2023-25576)', async () => {
  const body = Buffer.from(`${'--x\r\n\r\n\r\n'.repeat(10_000)}--x--\r\n`);
  const { status, code } = await app.post('multipart/form-data; boundary=x', body);
  expect([400, 413]).toContain(status);
  expect(['BAD_REQUEST', 'PAYLOAD_TOO_LARGE', 'IMAGE_MISSING']).toContain(code);
});

test('more parts than are allowed, the last one cut off (CVE-2026-124724)', async () => {
  const field = '--x\r\ncontent-disposition: form-data; name="steps"\r\n\r\n1\r\n';
  const body = Buffer.from(field.repeat(60).slice(0, -10));
  const { status, code } = await app.post('multipart/form-data; boundary=x', body);
  expect([400, 413]).toContain(status);
  expect(['BAD_REQUEST', 'PAYLOAD_TOO_LARGE']).toContain(code);
});

test('a form that ends in the middle of a photo', async () => {
  const body = filePart('x', 'image', app.jpeg).subarray(0, app.jpeg.length / 2);
  expect(await app.post('multipart/form-data; boundary=x', body)).toEqual({
    status: 400,
    code: 'BAD_REQUEST',
  });
});

test.each(['__proto__', 'constructor', 'toString'])('a part named %s (CVE-2026-19481)', async (name) => {
  const body = Buffer.concat([filePart('x', name, app.jpeg), Buffer.from('--x--\r\n')]);
  expect(await app.post('multipart/form-data; boundary=x', body)).toEqual({
    status: 400,
    code: 'BAD_REQUEST',
  });
  expect(({} as { admin?: unknown }).admin).toBeUndefined();
});

test('JSON with a key __proto__ (CVE-2026-19481)', async () => {
  const json = '{"__proto__":{"admin":true},"toString":1}';
  const part = `--x\r\ncontent-disposition: form-data; name="steps"\r\ncontent-type: application/json\r\n\r\n${json}\r\n--x--\r\n`;
  expect(await app.post('multipart/form-data; boundary=x', Buffer.from(part))).toEqual({
    status: 400,
    code: 'BAD_REQUEST',
  });
  const answer = await app.service.app.inject({
    method: 'POST',
    url: '/morph',
    headers: { 'content-type': 'application/json' },
    payload: json,
  });
  expect(answer.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(({} as { admin?: unknown }).admin).toBeUndefined();
});

test.each([
  'application/json\ta',
  ' application/json',
  'application/json; x',
  'application/json garbage',
  'multipart/form-data\ta; boundary=x',
  'multipart/mixed; boundary=x',
  ';',
])('the content type %j (CVE-2026-25223, CVE-2026-33806, CVE-2026-3419)', async (type) => {
  const { status, code } = await app.post(type, Buffer.from('{}'));
  expect([400, 415]).toContain(status);
  expect(['BAD_REQUEST', 'UNSUPPORTED_MEDIA_TYPE']).toContain(code);
});

test('a client that goes away in the middle of a photo leaves no temporary file (CVE-2025-24033)', async () => {
  const socket = await app.open();
  socket.write(head('multipart/form-data; boundary=x', app.jpeg.length + 1_000));
  socket.write(filePart('x', 'image', app.jpeg).subarray(0, app.jpeg.length / 2));
  await expect.poll(() => app.service.app.uploads.taken).toBeGreaterThan(0);
  socket.destroy();
  await expect.poll(() => app.service.app.uploads.taken).toBe(0);
});

test('3 MB in chunks of one byte', async () => {
  const body = Buffer.concat([filePart('x', 'photo', Buffer.alloc(3 * 2 ** 20)), Buffer.from('--x--\r\n')]);
  const chunked = Buffer.alloc(body.length * 6);
  for (let i = 0; i < body.length; i++) {
    chunked.write('1\r\n', i * 6, 'latin1');
    chunked[i * 6 + 3] = body[i]!;
    chunked.write('\r\n', i * 6 + 4, 'latin1');
  }
  const before = process.memoryUsage().rss;
  const answer = await app.exchange(head('multipart/form-data; boundary=x', 'chunked'), chunked, '0\r\n\r\n');
  expect(answered(answer)).toEqual({ status: 400, code: 'BAD_REQUEST' });
  // The client's own copies are in this process, too.
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
});

test.each(['GARBAGE\r\n\r\n', 'GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: nonsense\r\n\r\n'])(
  'what is not HTTP: %j',
  async (text) => {
    const answer = await app.exchange(text);
    expect(answered(answer)).toEqual({ status: 400, code: 'BAD_REQUEST' });
    expect(answer).toContain('application/problem+json');
  },
);

test.each(['NaN', 'Infinity', '1e309', '', '0.5&lambda=0.6', '-0.1', '1.1', 'a'])(
  'a lambda of %j',
  async (lambda) => {
    const [a, b] = await storePair(app.service);
    const answer = await app.service.app.inject(`/morph?a=${a}&b=${b}&lambda=${lambda}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    await app.service.deps.blobs.deletePrefix('embeddings/');
  },
);

test.each([
  ['@fastify/busboy', '3.2.6'],
  ['sharp', '0.35.0'],
  ['fastify', '5.8.5'],
])('%s is at least %s', async (name, floor) => {
  const own = createRequire(import.meta.url);
  // What the service resolves is what parses its requests. Not every package lets its package.json be asked for.
  const entry = (name === '@fastify/busboy' ? createRequire(own.resolve('@fastify/multipart')) : own).resolve(
    name,
  );
  const folder = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length);
  const { version } = JSON.parse(await readFile(`${folder}package.json`, 'utf8')) as { version: string };
  const { compare } = new Intl.Collator('en', { numeric: true });
  expect(compare(version, floor)).toBeGreaterThanOrEqual(0);
});
