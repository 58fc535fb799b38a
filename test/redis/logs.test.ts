/** What is written to the log, at its most talkative: nothing that tells about a person or opens a door. */
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { createLog } from '../../src/log.js';
import { detection, startApp, storeFinished } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker } from '../support/worker.js';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const SECRET = 'anna-mueller';

test('no line names a file, a reference, a label, a key, a query, an address or what was received', async () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys' }), keyPrefix: `logs-${Math.random()}` };
  const service = await startApp(server.url, { config, log: createLog('api', 'trace', destination) });
  try {
    service.serveRenders(async () => detection(1));
    const { token } = await service.deps.apiKeys.create({ tenant: 'acme', name: 'k', admin: true });
    const { id } = await storeFinished(service, { tenant: 'acme' });
    const headers = {
      authorization: `Bearer ${token}`,
      'idempotency-key': SECRET,
      'user-agent': SECRET,
      'x-forwarded-for': '203.0.113.77',
    };
    const ask = (url: string, method: 'GET' | 'POST' | 'DELETE' = 'GET', payload?: object) =>
      service.app.inject({
        method,
        url,
        headers,
        remoteAddress: '203.0.113.78',
        ...(payload && { payload }),
      });

    const form = new FormData();
    form.set('reference', SECRET);
    form.set('labels', SECRET);
    form.set('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), `${SECRET}.jpg`);
    const posted = await service.post(form, headers);
    expect(posted.statusCode).toBe(202);
    form.set('steps', SECRET);
    expect((await service.post(form, { authorization: headers.authorization })).statusCode).toBe(400);
    const broken = new FormData();
    broken.set('image', new Blob([SECRET]), `${SECRET}.jpg`);
    expect((await service.post(broken, { authorization: headers.authorization })).statusCode).toBe(415);

    const signed = (await ask('/signed-urls', 'POST', { url: `/morph?a=${id}&b=${id}` })).json().url;
    for (const url of [
      signed,
      `/embeddings?label=${SECRET}&reference=${SECRET}`,
      `/embeddings?limit=${SECRET}`,
      `/embeddings/${SECRET}`,
      `/${SECRET}?q=${SECRET}`,
      `/morph?a=${SECRET}&b=${id}&lambda=0.123456789`,
      `/embeddings/${id}`,
      `/embeddings/${id}/image?kind=original`,
    ])
      await ask(url);
    await ask(`/embeddings/${posted.json().id}/cancel`, 'POST');
    await ask(`/embeddings/${id}`, 'DELETE');
    await service.app.inject({ url: '/embeddings', headers: { authorization: `Bearer lm_${SECRET}` } });

    // An error of Redis knows the command that it was asked for.
    const { keyPrefix } = service.deps.config;
    await service.redis.set(`${keyPrefix}:tenant:acme:label:broken`, 'no list');
    form.delete('steps');
    form.set('labels', `broken,${SECRET}`);
    expect((await service.post(form, { authorization: headers.authorization })).statusCode).toBe(500);
    // One of a schema knows the value that does not fit.
    await service.redis.hset(`${keyPrefix}:embedding:${posted.json().id}`, 'priority', `"${SECRET}"`);
    expect((await ask(`/embeddings/${posted.json().id}`)).statusCode).toBe(500);

    const types = lines
      .filter((line) => line.includes('request failed'))
      .map((line) => JSON.parse(line).err.type);
    expect(types.slice(-2)).toEqual([expect.any(String), 'ParseError']);
    expect(lines.length).toBeGreaterThan(12);
    const text = lines.join('');
    const signature = /signature=([^&]+)/.exec(signed)![1]!;
    for (const secret of [SECRET, token, token.slice(20), signature, '203.0.113', '0.123456789'])
      expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    expect(text).toContain('"route":"/embeddings/:id"');
  } finally {
    await service.close();
  }
});

test('the line of a job that failed for good tells the code and where it was thrown', async () => {
  const service = await startApp(server.url);
  const worker = await startWorker(service, server.url);
  try {
    worker.engine.broken = { photo: 0, step: 3 };
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), 'a.jpg');
    const { id } = (await service.post(form)).json();
    await expect
      .poll(async () => (await service.app.inject(`/embeddings/${id}`)).json().state)
      .toBe('failed');
  } finally {
    await worker.close();
    await service.close();
  }
  const [line] = worker.lines.map((text) => JSON.parse(text)).filter(({ msg }) => msg === 'job failed');
  expect(line).toMatchObject({ queue: 'embed', err: { type: 'AppError', code: 'LATENT_DIVERGED' } });
  expect(line.err.stack).toMatch(/worker\/embed\./);
});
