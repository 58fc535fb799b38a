/** Events on their way to receivers: real HTTP servers on a loopback address. */
import { createHmac } from 'node:crypto';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_TENANT } from '../../src/contracts.js';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import { LEASE_MS } from '../../src/store/webhook-deliveries.js';
import type { WebhookRecord } from '../../src/store/webhooks.js';
import { attempt } from '../../src/webhooks/attempt.js';
import { fanOut } from '../../src/webhooks/fan-out.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { type Received, type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { WebhookService } from '../support/webhook-service.js';

let app: TestApp;
let service: WebhookService;
let receiver: Receiver;
eachTestOnApp(async (started) => {
  app = started;
  service = new WebhookService(app);
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

async function register(url = receiver.url, tenant = DEFAULT_TENANT): Promise<WebhookRecord> {
  const made = await service.webhooks.create(tenant, { url, events: OUTBOX_TYPES });
  return made!;
}

/** Brings an embedding to its end; the id of it. */
async function succeed(patch: object = {}): Promise<string> {
  const { id } = await storeFinished(app, { state: 'running', ...patch });
  expect(await app.deps.records.succeed(id, 1, {})).toBe(true);
  return id;
}

const log = async ({ id }: WebhookRecord) => (await service.deliveries.page(id, { limit: 100 })).deliveries;
const status = (code: number) => receiver.answer((response) => void response.writeHead(code).end());
const ids = (): string[] => receiver.received.map(({ headers }) => headers['webhook-id']);

describe('a message', () => {
  test('says what happened to which embedding, and nothing else', async () => {
    await register();
    const id = await succeed({ labels: ['team'], reference: 'photo-1' });
    await service.round();
    const [{ headers, body }] = receiver.received as [Received];
    expect(JSON.parse(body)).toEqual({
      type: 'embedding.succeeded',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: {
        id,
        state: 'succeeded',
        reference: 'photo-1',
        labels: ['team'],
        links: { self: `/embeddings/${id}` },
      },
    });
    expect(headers['content-type']).toBe('application/json');
    expect(headers['webhook-id']).toMatch(/^msg_[A-Za-z0-9_-]{24}$/);
  });

  test('is accepted by the verifier, and by the formula of the specification', async () => {
    const { secret } = await register();
    await succeed();
    await service.round();
    const [{ headers, body }] = receiver.received as [Received];
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: 'embedding.succeeded' });
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    expect(key).toHaveLength(32);
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  });

  test('is refused by the verifier when it is changed, renamed, old or of another secret', async () => {
    const { secret } = await register();
    await succeed();
    await service.round();
    const [{ headers, body }] = receiver.received as [Received];
    const verify = (text: string, patch: object = {}, key = secret) => {
      try {
        return new Webhook(key).verify(text, { ...headers, ...patch } as Record<string, string>);
      } catch (error) {
        return error;
      }
    };
    const refused = expect.any(WebhookVerificationError);
    expect(verify(body)).toEqual(JSON.parse(body));
    expect(verify(body.replace('succeeded', 'failed'))).toEqual(refused);
    expect(verify(body, { 'webhook-id': 'msg_other' })).toEqual(refused);
    const later = { 'webhook-timestamp': `${Number(headers['webhook-timestamp']) + 1}` };
    expect(verify(body, later)).toEqual(refused);
    expect(verify(body, {}, (await register()).secret)).toEqual(refused);
  });

  test('is refused by the verifier when it is replayed later', async () => {
    const { secret } = await register();
    await succeed();
    await service.round();
    const [{ headers, body }] = receiver.received as [Received];
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 60 * SECOND });
    try {
      expect(() => new Webhook(secret).verify(body, headers)).toThrow('too old');
    } finally {
      vi.useRealTimers();
    }
  });

  test('bears two signatures for 24 hours after a rotation', async () => {
    const webhook = await register();
    const { secret } = (await service.webhooks.rotate(DEFAULT_TENANT, webhook.id))!;
    await succeed();
    await service.round();
    const both = receiver.received.at(-1)!;
    expect(both.headers['webhook-signature'].split(' ')).toHaveLength(2);
    for (const one of [webhook.secret, secret])
      expect(new Webhook(one).verify(both.body, both.headers)).toMatchObject({ data: {} });
    service.pass(DAY + SECOND);
    await succeed();
    await service.round();
    expect(receiver.received.at(-1)!.headers['webhook-signature'].split(' ')).toHaveLength(1);
  });

  test('of an embedding that was deleted tells only that', async () => {
    const webhook = await register();
    const id = await succeed({ labels: ['team'], reference: 'photo-1' });
    await app.deps.records.remove(DEFAULT_TENANT, id, { why: 'request' });
    await service.round();
    const bodies = receiver.received.map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ type }) => type).sort()).toEqual(['embedding.deleted', 'embedding.succeeded']);
    for (const { type, data } of bodies) expect(data).toEqual({ id, state: type.split('.')[1] });
    const kept = await app.redis.hgetall(
      `${app.deps.config.keyPrefix}:webhook-delivery:${(await log(webhook))[0]!.id}`,
    );
    expect(JSON.stringify(kept)).not.toContain('photo-1');
  });
});

describe('goes', () => {
  test('to each endpoint of the tenant that wants it, under one id, and to nobody else', async () => {
    await register(`${receiver.url}?1`);
    await register(`${receiver.url}?2`);
    await register(`${receiver.url}?other`, 'other');
    await service.webhooks.create(DEFAULT_TENANT, {
      url: `${receiver.url}?failures`,
      events: ['embedding.failed'],
    });
    await succeed();
    await service.round();
    expect(receiver.received.map(({ url }) => url).sort()).toEqual(['/hook?1', '/hook?2']);
    expect(new Set(ids()).size).toBe(1);
    expect(await app.redis.xlen(`${app.deps.config.keyPrefix}:outbox`)).toBe(0);
  });

  test('once, however many processes send', async () => {
    await register();
    const other = new WebhookService(app);
    const third = new WebhookService(app);
    await Promise.all(Array.from({ length: 20 }, () => succeed()));
    await Promise.all([service, other, third].map((one) => one.round()));
    // One process may have passed events on while another had nothing to send.
    await service.round();
    expect(receiver.received).toHaveLength(20);
    expect(new Set(ids()).size).toBe(20);
  });

  test('after a crash between taking an event and passing it on', async () => {
    const webhook = await register();
    await succeed();
    const crashed = new WebhookService(app, {}, 60_000);
    expect(await crashed.outbox.take(10)).toHaveLength(1);
    await service.round();
    expect(receiver.received).toHaveLength(0);
    await new WebhookService(app, {}, 0).round();
    expect(receiver.received).toHaveLength(1);
    expect(await log(webhook)).toHaveLength(1);
  });

  test('once, after a crash between passing it on and saying so', async () => {
    const webhook = await register();
    await succeed();
    const crashing = new WebhookService(app);
    const outbox = {
      take: crashing.outbox.take.bind(crashing.outbox),
      drop: () => Promise.reject(new Error('killed')),
    };
    await expect(fanOut({ ...crashing.deps, ...crashing, outbox }, AbortSignal.timeout(9e3))).rejects.toThrow(
      'killed',
    );
    await service.dispatcher.run(AbortSignal.timeout(9e3));
    await new WebhookService(app, {}, 0).round();
    expect(receiver.received).toHaveLength(1);
    expect(await log(webhook)).toHaveLength(1);
  });

  test('again, under the same id, after a crash between claiming and sending', async () => {
    const webhook = await register();
    await succeed();
    await fanOut(service, AbortSignal.timeout(9e3));
    const [claim] = await service.deliveries.claim(1, []);
    expect(claim).toMatchObject({ webhook: webhook.id });
    await service.round();
    expect(receiver.received).toHaveLength(0);
    service.pass(LEASE_MS);
    await service.round();
    expect(receiver.received).toHaveLength(1);
    expect(ids()).toEqual([(await log(webhook))[0]!.message]);
    // The one that was taken for dead sends, too, and its result counts no more.
    expect(await attempt(service.deps, claim!)).toBeUndefined();
    expect(new Set(ids()).size).toBe(1);
    expect((await log(webhook))[0]!.attempts).toHaveLength(1);
  });
});

test('an address that is not allowed is not connected to, and the log says no more than that', async () => {
  const webhook = await register();
  const strict = new WebhookService(app, { allowPrivate: false });
  await succeed();
  await strict.round();
  expect(receiver.received).toHaveLength(0);
  expect((await log(webhook))[0]!.attempts).toEqual([
    { at: expect.any(String), ms: expect.any(Number), failure: 'address-not-allowed' },
  ]);
});

test('of the deliveries that have ended the latest 1,000 are kept, of those that wait all', async () => {
  const webhook = await register();
  status(500);
  await succeed();
  await service.round();
  service.pass(5 * SECOND);
  await service.round();
  const [waiting] = await log(webhook);
  status(200);
  const event = { tenant: DEFAULT_TENANT, type: 'webhook.test', happenedAt: '2026-01-31T12:00:00Z' } as const;
  for (let i = 0; i < 1_005; i++) await service.deliveries.add(webhook.id, { ...event, message: `msg_${i}` });
  await service.dispatcher.run(AbortSignal.timeout(50_000));
  const prefix = app.deps.config.keyPrefix;
  expect(receiver.received).toHaveLength(1_007);
  expect(await app.redis.zcard(`${prefix}:webhook-log:${webhook.id}`)).toBe(1_001);
  expect(await app.redis.keys(`${prefix}:webhook-delivery:*`)).toHaveLength(1_001);
  expect(await service.deliveries.find(webhook.id, waiting!.id)).toMatchObject({ state: 'pending' });
  const ended = (await log(webhook))[0]!;
  const ttl = await app.redis.ttl(`${prefix}:webhook-delivery:${ended.id}`);
  expect(ttl).toBeGreaterThan(29 * 86_400);
  expect(await app.redis.ttl(`${prefix}:webhook-delivery:${waiting!.id}`)).toBe(-1);
});
