import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { startApp, storeFinished, storePair, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
let clock: Date;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => service.close());

async function open(settings: Record<string, string> = {}): Promise<void> {
  clock = new Date('2026-01-31T12:00:00Z');
  const keyPrefix = `access-${Math.random().toString(36).slice(2)}`;
  const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys', ...settings }), keyPrefix };
  service = await startApp(server.url, { config, now: () => clock });
}

const keyOf = async (tenant: string, more: { admin?: boolean; ratePerMinute?: number } = {}) =>
  service.deps.apiKeys.create({ tenant, name: 'test', admin: false, ...more });

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('with keys', () => {
  beforeEach(() => open());

  test('nothing but probes and documents is answered without one', async () => {
    for (const url of ['/embeddings', '/morph?a=x&b=y', '/embeddings/emb_8Jx0cTq5mYb2LrVw7NfK/image']) {
      const refused = await service.app.inject(url);
      expect(refused.json()).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
      expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
    }
    for (const url of ['/healthz', '/openapi.yaml', '/docs/'])
      expect((await service.app.inject(url)).statusCode).toBe(200);
    expect((await service.app.inject('/readyz')).statusCode).toBe(503);
  });

  test.each([
    'Bearer lm_0000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'Bearer x',
    'Basic eDp5',
  ])('refuses %s', async (authorization) => {
    const refused = await service.app.inject({ url: '/embeddings', headers: { authorization } });
    expect(refused.json()).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });

  test('a refused request has its body neither read nor stored', async () => {
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(1000)]), 'a.jpg');
    expect((await service.post(form)).json().code).toBe('UNAUTHORIZED');
    expect(await service.blobFiles()).toEqual([]);
  });

  test('the secret is not stored, and a revoked key is refused', async () => {
    const { token, key } = await keyOf('acme');
    const stored = JSON.stringify(await service.redis.hgetall(`${service.deps.config.keyPrefix}:api-keys`));
    expect(stored).toContain(key.id);
    expect(stored).not.toContain(token.slice(-43));
    expect((await service.app.inject({ url: '/embeddings', headers: bearer(token) })).statusCode).toBe(200);
    expect(await service.deps.apiKeys.revoke(key.id)).toBe(true);
    const refused = await service.app.inject({ url: '/embeddings', headers: bearer(token) });
    expect(refused.json().code).toBe('UNAUTHORIZED');
    expect((await service.deps.apiKeys.list())[0]).toMatchObject({
      id: key.id,
      revokedAt: expect.any(String),
    });
  });

  test("another tenant's embedding is answered exactly as one that never was", async () => {
    const ours = await storeFinished(service, { tenant: 'acme' });
    const { token } = await keyOf('other');
    const never = 'emb_AAAAAAAAAAAAAAAAAAAA';
    const requests = [
      { method: 'GET', url: (id: string) => `/embeddings/${id}` },
      { method: 'GET', url: (id: string) => `/embeddings/${id}/image?kind=original` },
      {
        method: 'GET',
        url: (id: string) => `/embeddings/${id}/image?kind=reconstruction&placement=original`,
      },
      { method: 'GET', url: (id: string) => `/embeddings/${id}/events` },
      { method: 'POST', url: (id: string) => `/embeddings/${id}/cancel` },
      { method: 'DELETE', url: (id: string) => `/embeddings/${id}` },
      { method: 'GET', url: (id: string) => `/morph?a=${id}&b=${id}` },
      { method: 'GET', url: (id: string) => `/morph/grid?a=${id}&b=${id}` },
      { method: 'GET', url: (id: string) => `/morph/animation?a=${id}&b=${id}` },
      { method: 'GET', url: (id: string) => `/morph/smoothness?a=${id}&b=${id}` },
    ] as const;
    for (const { method, url } of requests) {
      const ask = async (id: string) => {
        const { statusCode, body } = await service.app.inject({
          method,
          url: url(id),
          headers: bearer(token),
        });
        const { instance, ...problem } = JSON.parse(body);
        return { statusCode, problem: JSON.parse(JSON.stringify(problem).replaceAll(id, 'ID')) };
      };
      const answer = await ask(ours.id);
      expect(answer.statusCode).toBe(404);
      expect(answer).toEqual(await ask(never));
    }
    const listed = await service.app.inject({ url: '/embeddings', headers: bearer(token) });
    expect(listed.json()).toEqual({ embeddings: [] });
    expect(await service.deps.records.find('acme', ours.id)).toMatchObject({ state: 'succeeded' });
  });

  test('two tenants with the same latent share no render', async () => {
    const same = { latentHash: 'h' };
    const ids = async (tenant: string) =>
      Promise.all([0, 1].map(async () => (await storeFinished(service, { tenant, ...same })).id));
    service.serveRenders(async (job, { blobs }) => {
      if (job.kind === 'morph') await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    });
    const tags = await Promise.all(
      ['acme', 'other'].map(async (tenant) => {
        const [a, b] = await ids(tenant);
        const { token } = await keyOf(tenant);
        const answer = await service.app.inject({ url: `/morph?a=${a}&b=${b}`, headers: bearer(token) });
        expect(answer.statusCode).toBe(200);
        return answer.headers.etag;
      }),
    );
    expect(tags[0]).not.toBe(tags[1]);
  });

  test('each key has its own number of requests a minute, told in RateLimit headers', async () => {
    const slow = await keyOf('acme', { ratePerMinute: 2 });
    const free = await keyOf('acme', { ratePerMinute: 0 });
    const ask = ({ token }: { token: string }) =>
      service.app.inject({ url: '/embeddings', headers: bearer(token) });
    const first = await ask(slow);
    expect(first.headers).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '1' });
    expect((await ask(slow)).statusCode).toBe(200);
    const third = await ask(slow);
    expect(third.json()).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    const other = await ask(free);
    expect([other.statusCode, other.headers['ratelimit-limit']]).toEqual([200, undefined]);
  });
});

describe('signed URLs', () => {
  beforeEach(async () => {
    await open();
    service.serveRenders(async (job, { blobs }) => {
      if ('key' in job) await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    });
  });

  async function signed(token: string, url: string, expiresIn?: number) {
    return service.app.inject({
      method: 'POST',
      url: '/signed-urls',
      headers: bearer(token),
      payload: { url, expiresIn },
    });
  }

  const morphOf = async (tenant: string) => {
    const a = (await storeFinished(service, { tenant })).id;
    const b = (await storeFinished(service, { tenant })).id;
    return `/morph?a=${a}&b=${b}&lambda=0.5`;
  };

  test('let a browser load the image without a key, until they end', async () => {
    const { token, key } = await keyOf('acme');
    const answer = await signed(token, await morphOf('acme'), 60);
    expect(answer.statusCode).toBe(201);
    const { url, expiresAt } = answer.json();
    expect(expiresAt).toBe('2026-01-31T12:01:00.000Z');
    expect(url).toContain(`key=${key.id}`);
    expect(url).not.toContain(token);
    expect((await service.app.inject(url)).statusCode).toBe(200);
    clock = new Date('2026-01-31T12:01:01Z');
    expect((await service.app.inject(url)).json()).toMatchObject({ status: 403, code: 'SIGNATURE_EXPIRED' });
  });

  test('hold for nothing else', async () => {
    const { token } = await keyOf('acme');
    const { url } = (await signed(token, await morphOf('acme'))).json() as { url: string };
    const forged = [
      url.replace('lambda=0.5', 'lambda=0.6'),
      url.replace(/expires=\d+/, 'expires=9999999999'),
      `${url}&size=64`,
      url.replace('/morph?', '/morph/grid?'),
      url.replace(/signature=./, 'signature=A').replace('signature=A', 'signature=_'),
      `${url}&signature=x`,
      url.replace(/key=[0-9a-f]+/, 'key=0000000000000000'),
    ];
    for (const one of forged)
      expect((await service.app.inject(one)).json()).toMatchObject({
        code: 'SIGNATURE_INVALID',
        status: 403,
      });
    // The order of parameters means nothing.
    const [path, query] = url.split('?') as [string, string];
    const turned = `${path}?${query.split('&').reverse().join('&')}`;
    expect((await service.app.inject(turned)).statusCode).toBe(200);
  });

  test('end with their key', async () => {
    const { token, key } = await keyOf('acme');
    const { url } = (await signed(token, await morphOf('acme'))).json() as { url: string };
    await service.deps.apiKeys.revoke(key.id);
    expect((await service.app.inject(url)).json()).toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  test('show what their tenant has and no more', async () => {
    const { token } = await keyOf('other');
    const { url } = (await signed(token, await morphOf('acme'))).json() as { url: string };
    expect((await service.app.inject(url)).json()).toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
  });

  test.each(['/embeddings', '/openapi.yaml', 'https://example.com/', '/morph/smoothness?a=x', '//'])(
    'are not given for %s',
    async (url) => {
      const { token } = await keyOf('acme');
      expect((await signed(token, url)).json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    },
  );

  test('are signed anew', async () => {
    const { token } = await keyOf('acme');
    const first = (await signed(token, '/morph?a=x&b=y')).json();
    expect((await signed(token, first.url)).json()).toEqual(first);
  });

  test('need a key to be made, and do not open other routes', async () => {
    expect((await service.app.inject({ method: 'POST', url: '/signed-urls', payload: {} })).statusCode).toBe(
      401,
    );
    expect((await service.app.inject('/embeddings?signature=x')).statusCode).toBe(401);
  });
});

describe('without keys', () => {
  beforeEach(() => open({ LATENTMORPH_AUTH: 'open', LATENTMORPH_CORS_ORIGINS: 'https://app.example.com' }));

  test('only names of this machine are answered', async () => {
    for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000'])
      expect((await service.app.inject({ url: '/healthz', headers: { host } })).statusCode).toBe(200);
    for (const host of ['evil.example', '10.0.0.1', 'localhost.evil.example']) {
      const refused = await service.app.inject({ url: '/embeddings', headers: { host } });
      expect(refused.json()).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    }
  });

  test('only pages of allowed origins may call, and may read what it says', async () => {
    const ask = (origin: string) => service.app.inject({ url: '/embeddings', headers: { origin } });
    const allowed = await ask('https://app.example.com');
    expect(allowed.statusCode).toBe(200);
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example.com');
    expect(allowed.headers['access-control-expose-headers']).toContain('ETag');
    expect((await ask('http://localhost:5173')).statusCode).toBe(200);
    expect((await ask('https://evil.example')).json()).toMatchObject({ code: 'FORBIDDEN' });
    expect((await ask('null')).json()).toMatchObject({ code: 'FORBIDDEN' });
    const preflight = await service.app.inject({
      method: 'OPTIONS',
      url: '/embeddings',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });
    expect([preflight.statusCode, preflight.headers['access-control-allow-origin']]).toEqual([
      204,
      'https://app.example.com',
    ]);
  });

  test('URLs can be signed, too', async () => {
    service.serveRenders(async (job, { blobs }) => {
      if ('key' in job) await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    });
    const [a, b] = await storePair(service);
    const answer = await service.app.inject({
      method: 'POST',
      url: '/signed-urls',
      payload: { url: `/morph?a=${a}&b=${b}` },
    });
    const { url } = answer.json();
    expect(url).not.toContain('key=');
    expect((await service.app.inject(url)).statusCode).toBe(200);
  });
});
