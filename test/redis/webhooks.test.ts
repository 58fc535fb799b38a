/** The routes of webhooks, each tenant by its key. */
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import { MAX_WEBHOOKS } from '../../src/store/webhooks.js';
import { startApp, storeFinished, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { WebhookService } from '../support/webhook-service.js';

let server: TestRedis;
let app: TestApp;
let service: WebhookService;
let receiver: Receiver;
let ours: string;
let theirs: string;

const tokenOf = async (tenant: string): Promise<string> =>
  (await app.deps.apiKeys.create({ tenant, name: tenant, admin: false })).token;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const env = {
    LATENTMORPH_AUTH: 'keys',
    LATENTMORPH_WEBHOOK_PRIVATE: 'allow',
    LATENTMORPH_RATE_PER_MINUTE: '0',
  };
  app = await startApp(server.url, {
    config: { ...loadConfig(env), keyPrefix: `test-${Math.random().toString(36).slice(2)}` },
  });
  service = new WebhookService(app);
  receiver = await startReceiver();
  ours = await tokenOf('ours');
  theirs = await tokenOf('theirs');
});
afterEach(async () => {
  await receiver.close();
  await app.close();
});

type Method = 'GET' | 'POST' | 'DELETE';
async function call(
  method: Method,
  path: string,
  { body, token = ours }: { body?: unknown; token?: string } = {},
) {
  const reply = await app.app.inject({
    method,
    url: path,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
  return { status: reply.statusCode, headers: reply.headers, ...(reply.body === '' ? {} : reply.json()) };
}
const create = (body: object = {}, token = ours) =>
  call('POST', '/webhooks', { body: { url: receiver.url, ...body }, token });

test('a webhook is made with a secret that is shown this once', async () => {
  const made = await create({ description: 'for a test' });
  expect(made).toMatchObject({
    status: 201,
    url: receiver.url,
    events: OUTBOX_TYPES,
    description: 'for a test',
    secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
  });
  expect(made.headers).toMatchObject({ location: `/webhooks/${made.id}`, 'cache-control': 'no-store' });
  const found = await call('GET', `/webhooks/${made.id}`);
  const listed = await call('GET', '/webhooks');
  expect(found).toMatchObject({ status: 200, id: made.id, url: receiver.url });
  expect(listed.webhooks).toEqual([expect.objectContaining({ id: made.id })]);
  expect(JSON.stringify([found, listed])).not.toMatch(/secret|whsec/);
});

test('the newest webhook is listed first', async () => {
  const first = await create();
  const { webhooks } = app.deps;
  Object.assign(webhooks, { now: () => new Date(Date.now() + 1_000) });
  const second = await create();
  const { webhooks: listed } = await call('GET', '/webhooks');
  expect(listed.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
});

test(`a tenant has at most ${MAX_WEBHOOKS} webhooks, even when it asks for many at once`, async () => {
  const replies = await Promise.all(Array.from({ length: MAX_WEBHOOKS + 3 }, () => create()));
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(MAX_WEBHOOKS);
  const refused = replies.find(({ status }) => status !== 201);
  expect(refused).toMatchObject({
    status: 409,
    code: 'WEBHOOK_LIMIT',
    detail: expect.stringContaining('20'),
  });
  expect(await create({}, theirs)).toMatchObject({ status: 201 });
  await call('DELETE', `/webhooks/${replies[0]!.id ?? replies[1]!.id}`);
  expect(await create()).toMatchObject({ status: 201 });
});

test.each([
  [{}, '`url`'],
  [{ url: {} }, '`url`'],
  [{ url: 'https://example.com', description: 5 }, '`description`'],
  [{ url: '' }, '`url`'],
  [{ url: 'ftp://example.com/' }, '`url`'],
  [{ url: 'https://example.com/a b' }, '`url`'],
  [{ url: 'https://example.com', description: '' }, '`description`'],
  [{ url: `https://example.com/${'x'.repeat(3_000)}` }, '`url`'],
  [{ url: 'https://example.com', events: [] }, '`events`'],
  [{ url: 'https://example.com', events: ['embedding.begun'] }, '`events'],
  [{ url: 'https://example.com', description: 'x'.repeat(201) }, '`description`'],
  [{ url: 'https://example.com', secret: 'whsec_mine' }, 'secret'],
])('refuses %j', async (body, name) => {
  const reply = await call('POST', '/webhooks', { body });
  expect(reply).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(reply.detail).toContain(name);
});

test('a URL that nothing is sent to is refused, and says why', async () => {
  for (const url of ['https://user:pass@example.com', 'http://example.com/#part', 'https://300.1.1.1/'])
    expect(await create({ url })).toMatchObject({
      status: 422,
      code: 'WEBHOOK_URL_REFUSED',
      detail: expect.stringContaining('Expected'),
    });
});

test('without the setting for development no private address is taken', async () => {
  const strict = await startApp(server.url);
  const reply = await strict.app.inject({
    method: 'POST',
    url: '/webhooks',
    payload: { url: 'https://10.0.0.1/' },
  });
  await strict.close();
  expect(reply.json()).toMatchObject({ status: 422, code: 'WEBHOOK_URL_REFUSED' });
});

test("another tenant's webhook is as unknown as one that never was", async () => {
  const { id } = await create();
  const { id: delivery } = await call('POST', `/webhooks/${id}/test`);
  const requests: [Method, string][] = [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/rotate-secret'],
    ['POST', '/enable'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', `/deliveries/${delivery}/redeliver`],
  ];
  for (const [method, path] of requests) {
    const foreign = await call(method, `/webhooks/${id}${path}`, { token: theirs });
    const never = await call(method, `/webhooks/wh_AAAAAAAAAAAAAAAAAAAA${path}`, { token: theirs });
    expect(foreign, path).toMatchObject({ status: 404, code: 'WEBHOOK_NOT_FOUND' });
    expect({ ...foreign, instance: '', headers: {} }).toEqual({ ...never, instance: '', headers: {} });
  }
  expect((await call('GET', '/webhooks', { token: theirs })).webhooks).toEqual([]);
  expect(await call('GET', `/webhooks/${id}`)).toMatchObject({ status: 200 });
  const other = await create({}, theirs);
  expect(
    await call('POST', `/webhooks/${other.id}/deliveries/${delivery}/redeliver`, { token: theirs }),
  ).toMatchObject({ status: 404, code: 'DELIVERY_NOT_FOUND' });
});

test('a test event is signed and delivered, and is in the log', async () => {
  const { id, secret } = await create({ events: ['embedding.failed'] });
  const sent = await call('POST', `/webhooks/${id}/test`);
  expect(sent).toMatchObject({ status: 202, type: 'webhook.test', state: 'pending', attempts: [] });
  await service.round();
  const { headers, body } = receiver.received[0]!;
  expect(new Webhook(secret).verify(body, headers)).toMatchObject({
    type: 'webhook.test',
    data: { webhook: id },
  });
  expect(headers['webhook-id']).toBe(sent.message);
  const { deliveries } = await call('GET', `/webhooks/${id}/deliveries`);
  expect(deliveries).toEqual([
    {
      id: sent.id,
      message: sent.message,
      type: 'webhook.test',
      state: 'succeeded',
      createdAt: sent.createdAt,
      finishedAt: expect.any(String),
      attempts: [{ at: expect.any(String), ms: expect.any(Number), status: 204 }],
    },
  ]);
});

test('a delivery is sent once more under the same id, with all its retries', async () => {
  const { id } = await create();
  const { id: embedding } = await storeFinished(app, { state: 'running', tenant: 'ours' });
  await app.deps.records.succeed(embedding, 1, {});
  await service.round();
  const { deliveries } = await call('GET', `/webhooks/${id}/deliveries`);
  expect(deliveries).toMatchObject([{ type: 'embedding.succeeded', embedding, state: 'succeeded' }]);
  receiver.answer((response) => void response.writeHead(500).end());
  const again = await call('POST', `/webhooks/${id}/deliveries/${deliveries[0].id}/redeliver`);
  expect(again).toMatchObject({ status: 202, state: 'pending', id: deliveries[0].id });
  expect(again.finishedAt).toBeUndefined();
  await service.round();
  const [first, second] = receiver.received;
  expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  expect(second!.body).toBe(first!.body);
  const page = await call('GET', `/webhooks/${id}/deliveries`);
  const seconds = (Date.parse(page.deliveries[0].nextAttemptAt) - Date.now()) / 1_000;
  expect(seconds).toBeLessThanOrEqual(5);
  const key = `${app.deps.config.keyPrefix}:webhook-delivery:${again.id}`;
  expect(await app.redis.ttl(key)).toBe(-1);
  expect(page.deliveries).toMatchObject([{ state: 'pending', attempts: [{ status: 204 }, { status: 500 }] }]);
  receiver.answer((response) => void response.writeHead(200).end());
  expect(await call('POST', `/webhooks/${id}/deliveries/${deliveries[0].id}/redeliver`)).toMatchObject({
    status: 202,
  });
  await service.round();
  expect(receiver.received).toHaveLength(3);
});

test('the log is read page by page, the newest first, each delivery once', async () => {
  const { id } = await create();
  const sent: string[] = [];
  for (let i = 0; i < 7; i++) sent.push((await call('POST', `/webhooks/${id}/test`)).id);
  for (const limit of [1, 2, 3, 7, 8]) {
    const found: string[] = [];
    let next: string | undefined;
    do {
      const page = await call(
        'GET',
        `/webhooks/${id}/deliveries?limit=${limit}${next ? `&cursor=${next}` : ''}`,
      );
      expect(page.deliveries.length).toBeGreaterThan(0);
      found.push(...page.deliveries.map((one: { id: string }) => one.id));
      next = page.next;
    } while (next);
    expect(found).toEqual(sent.toReversed());
  }
  for (const query of ['limit=0', 'limit=101', 'cursor=x', 'sort=asc'])
    expect(await call('GET', `/webhooks/${id}/deliveries?${query}`)).toMatchObject({ status: 400 });
});

describe('a secret that is rotated', () => {
  test('is told once, and the one before signs for a day', async () => {
    const { id, secret } = await create();
    const rotated = await call('POST', `/webhooks/${id}/rotate-secret`);
    expect(rotated).toMatchObject({ status: 200, secret: expect.stringMatching(/^whsec_/) });
    expect(rotated.secret).not.toBe(secret);
    const hours = (Date.parse(rotated.oldSecretUntil) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(24.1);
    expect(JSON.stringify(await call('GET', `/webhooks/${id}`))).not.toMatch(/ecret/);
    await call('POST', `/webhooks/${id}/test`);
    await service.round();
    const { headers, body } = receiver.received[0]!;
    for (const one of [secret, rotated.secret]) new Webhook(one).verify(body, headers);
  });

  test('by two at once is the one of the last, and both know theirs signs', async () => {
    const { id } = await create();
    const both = await Promise.all([1, 2].map(() => call('POST', `/webhooks/${id}/rotate-secret`)));
    await call('POST', `/webhooks/${id}/test`);
    await service.round();
    const { headers, body } = receiver.received[0]!;
    for (const { secret } of both) new Webhook(secret).verify(body, headers);
  });
});

test('a disabled webhook says so, sends nothing, and can be enabled', async () => {
  const { id } = await create();
  receiver.answer((response) => void response.writeHead(410).end());
  const { id: delivery } = await call('POST', `/webhooks/${id}/test`);
  await service.round();
  expect(await call('GET', `/webhooks/${id}`)).toMatchObject({ disabled: { reason: 'gone' } });
  for (const path of ['test', `deliveries/${delivery}/redeliver`])
    expect(await call('POST', `/webhooks/${id}/${path}`)).toMatchObject({
      status: 409,
      code: 'WEBHOOK_DISABLED',
    });
  receiver.answer((response) => void response.writeHead(200).end());
  const enabled = await call('POST', `/webhooks/${id}/enable`);
  expect(enabled).toMatchObject({ status: 200, id });
  expect(enabled.disabled).toBeUndefined();
  expect(await call('POST', `/webhooks/${id}/deliveries/${delivery}/redeliver`)).toMatchObject({
    status: 202,
  });
  await service.round();
  expect(receiver.received).toHaveLength(2);
});

test('a deleted webhook is unknown', async () => {
  const { id } = await create();
  expect(await call('DELETE', `/webhooks/${id}`)).toMatchObject({ status: 204 });
  for (const method of ['GET', 'DELETE'] as const)
    expect(await call(method, `/webhooks/${id}`)).toMatchObject({ status: 404, code: 'WEBHOOK_NOT_FOUND' });
});

test('secrets stay out of the log, even where Redis refuses to store one', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const logged = await startApp(server.url, { log });
  const { keyPrefix } = logged.deps.config;
  const made = (await logged.deps.webhooks.create('default', { url: receiver.url, events: OUTBOX_TYPES }))!;
  await logged.redis.del(`${keyPrefix}:webhook:${made.id}`);
  await logged.redis.set(`${keyPrefix}:webhook:${made.id}`, 'no hash');
  const reply = await logged.app.inject({ method: 'POST', url: `/webhooks/${made.id}/rotate-secret` });
  await logged.close();
  expect(reply.statusCode).toBe(500);
  expect(lines.join('')).toContain('WRONGTYPE');
  expect(lines.join('')).not.toContain('whsec_');
});
