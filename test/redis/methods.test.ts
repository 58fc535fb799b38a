/** What no route takes. */
import type { InjectOptions } from 'fastify';
import { expect, test } from 'vitest';
import { eachTestOnApp, type TestApp } from '../support/app.js';

let service: TestApp;
eachTestOnApp(async (app) => {
  service = app;
});

test.each([
  ['PUT', '/embeddings', 'GET, HEAD, POST'],
  ['TRACE', '/embeddings/emb_00000000000000000000', 'DELETE, GET, HEAD'],
  ['QUERY', '/morph?a=x', 'GET, HEAD, POST'],
  ['POST', '/healthz', 'GET, HEAD'],
  ['DELETE', '/docs/static/index.html', 'GET, HEAD'],
])('%s %s is refused with the methods of the address', async (method, url, methods) => {
  const answer = await service.app.inject({ method: method as InjectOptions['method'], url });
  expect(answer.json()).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
  const allowed = String(answer.headers.allow).split(', ').sort();
  expect(allowed.join(', ')).toBe(methods);
});

test.each(['/', '/embeddings/x/y', '/embeddings/x/image/y', '/Morph', '/embedding'])(
  '%s is unknown',
  async (url) => {
    for (const method of ['GET', 'PUT'] as const) {
      const answer = await service.app.inject({ method, url });
      expect(answer.json()).toMatchObject({ status: 404, code: 'NOT_FOUND' });
      expect(answer.headers.allow).toBeUndefined();
    }
  },
);

test('an id that is too long for any is unknown', async () => {
  const answer = await service.app.inject(`/embeddings/${'0'.repeat(5_000)}`);
  expect(answer.json()).toMatchObject({ status: 404, code: 'EMBEDDING_NOT_FOUND' });
});
