import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_TENANT } from '../../src/contracts.js';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import type { WebhookRecord } from '../../src/store/webhooks.js';
import { fanOut } from '../../src/webhooks/fan-out.js';
import { RETRY_DELAYS } from '../../src/webhooks/retries.js';
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
const status = (code: number, headers = {}) =>
  receiver.answer((response) => void response.writeHead(code, headers).end());
const ids = (): string[] => receiver.received.map(({ headers }) => headers['webhook-id']);

describe('fails and is tried again', () => {
  test('along the schedule, always under the same id, until it is given up', async () => {
    const webhook = await register();
    status(500);
    await succeed();
    await service.round();
    for (const delay of RETRY_DELAYS) {
      const [before] = await log(webhook);
      expect(before).toMatchObject({ state: 'pending' });
      const sent = receiver.received.length;
      service.pass(delay - 2 * SECOND);
      await service.round();
      expect(receiver.received).toHaveLength(sent);
      service.pass(2 * SECOND);
      await service.round();
      expect(receiver.received).toHaveLength(sent + 1);
    }
    const [given] = await log(webhook);
    expect(given).toMatchObject({ state: 'failed', finishedAt: expect.any(String) });
    expect(given!.nextAttemptAt).toBeUndefined();
    expect(given!.attempts).toHaveLength(RETRY_DELAYS.length + 1);
    expect(given!.attempts[0]).toMatchObject({ status: 500, failure: 'status' });
    expect(new Set(ids()).size).toBe(1);
    service.pass(30 * DAY);
    await service.round();
    expect(receiver.received).toHaveLength(RETRY_DELAYS.length + 1);
  });

  test('and signed anew, so that the time of the last attempt is fresh', async () => {
    const { secret } = await register();
    status(500);
    await succeed();
    await service.round();
    status(200);
    service.pass(5 * SECOND);
    await service.round();
    const [first, second] = receiver.received as [Received, Received];
    expect(Number(second.headers['webhook-timestamp'])).toBeGreaterThan(
      Number(first.headers['webhook-timestamp']),
    );
    for (const { body, headers } of [first, second]) new Webhook(secret).verify(body, headers);
    expect(second.body).toBe(first.body);
  });

  test.each([
    ['a redirect, which is not followed', 302, 'redirect'],
    ['an error', 404, 'status'],
  ])('after %s', async (_, code, failure) => {
    const webhook = await register();
    const elsewhere = await startReceiver();
    status(code, { location: elsewhere.url });
    await succeed();
    await service.round();
    expect(elsewhere.received).toHaveLength(0);
    await elsewhere.close();
    expect((await log(webhook))[0]).toMatchObject({
      state: 'pending',
      attempts: [{ status: code, failure }],
    });
  });

  test('after no answer in time', async () => {
    const slow = new WebhookService(app, { timeoutMs: 150 });
    const webhook = await register();
    receiver.answer(() => {});
    await succeed();
    await slow.round();
    const { attempts } = (await log(webhook))[0]!;
    expect(attempts).toEqual([{ at: expect.any(String), ms: expect.any(Number), failure: 'timed-out' }]);
    expect(attempts[0]!.ms).toBeGreaterThanOrEqual(140);
  });

  test('after a receiver that is not there', async () => {
    const webhook = await register(receiver.url);
    await receiver.close();
    await succeed();
    await service.round();
    receiver = await startReceiver();
    expect((await log(webhook))[0]!.attempts).toMatchObject([{ failure: 'connection-failed' }]);
  });

  test('not before `Retry-After` of a 429 or 503, and neither is anything else', async () => {
    const webhook = await register();
    status(503, { 'retry-after': '120' });
    await succeed();
    await service.round();
    await succeed();
    status(200);
    service.pass(118 * SECOND);
    await service.round();
    expect(receiver.received).toHaveLength(1);
    service.pass(2 * SECOND);
    await service.round();
    expect(receiver.received).toHaveLength(3);
    expect((await log(webhook)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  });

  test('but an answer whose body stalls is an answer', async () => {
    const slow = new WebhookService(app, { timeoutMs: 300 });
    const webhook = await register();
    receiver.answer((response) => void response.writeHead(200).write('x'));
    await succeed();
    await slow.round();
    expect((await log(webhook))[0]).toMatchObject({ state: 'succeeded', attempts: [{ status: 200 }] });
  });

  test('and one with an endless body is cut off', async () => {
    const webhook = await register();
    let written = 0;
    receiver.answer((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await succeed();
    await service.round();
    expect((await log(webhook))[0]).toMatchObject({ state: 'succeeded' });
    expect(written).toBeLessThan(16 * 2 ** 20);
  });
});

describe('an endpoint', () => {
  test('that answers 410 is disabled; what waits is sent once it is enabled', async () => {
    const webhook = await register();
    status(500);
    await succeed();
    await service.round();
    status(410);
    await succeed();
    await service.round();
    expect(await service.webhooks.byId(webhook.id)).toMatchObject({ disabledReason: 'gone' });
    expect((await log(webhook)).map(({ state }) => state)).toEqual(['failed', 'pending']);
    status(200);
    await succeed();
    service.pass(DAY);
    await service.round();
    expect(receiver.received).toHaveLength(2);
    await service.webhooks.enable(DEFAULT_TENANT, webhook.id);
    await service.round();
    expect(receiver.received).toHaveLength(3);
    expect((await log(webhook)).map(({ state }) => state)).toEqual(['failed', 'succeeded']);
  });

  test('at which nothing has succeeded for five days is disabled', async () => {
    const webhook = await register();
    status(500);
    for (let day = 0; day < 5; day++) {
      await succeed();
      await service.round();
      expect((await service.webhooks.byId(webhook.id))!.disabledAt).toBeUndefined();
      service.pass(DAY);
    }
    await service.round();
    expect(await service.webhooks.byId(webhook.id)).toMatchObject({ disabledReason: 'failing' });
  });

  test('at which something has succeeded meanwhile is not', async () => {
    const webhook = await register();
    status(500);
    await succeed();
    await service.round();
    service.pass(4 * DAY);
    status(200);
    await succeed();
    await service.round();
    expect((await service.webhooks.byId(webhook.id))!.failingSince).toBeUndefined();
    status(500);
    service.pass(2 * DAY);
    await succeed();
    await service.round();
    expect((await service.webhooks.byId(webhook.id))!.disabledAt).toBeUndefined();
  });

  test('that hangs holds up no other', async () => {
    const hanging = await startReceiver();
    const open: number[] = [0];
    hanging.answer((response) => {
      open.push(open.at(-1)! + 1);
      response.on('close', () => open.push(open.at(-1)! - 1));
    });
    await register(hanging.url);
    const sends = new WebhookService(app, { timeoutMs: 1_500 });
    await Promise.all(Array.from({ length: 8 }, () => succeed()));
    await fanOut(sends, AbortSignal.timeout(9e3));
    await register();
    await succeed();
    await fanOut(sends, AbortSignal.timeout(9e3));
    const begun = performance.now();
    const over = sends.dispatcher.run(AbortSignal.timeout(9e3));
    await expect.poll(() => receiver.received.length, { interval: 10 }).toBe(1);
    expect(performance.now() - begun).toBeLessThan(1_000);
    await over;
    expect(hanging.received).toHaveLength(9);
    expect(Math.max(...open)).toBe(4);
    await hanging.close();
  });

  test('that is deleted gets nothing more, and nothing of it is left', async () => {
    const webhook = await register();
    await succeed();
    await service.round();
    status(500);
    await succeed();
    await service.round();
    expect(await service.webhooks.remove(DEFAULT_TENANT, webhook.id)).toBe(true);
    service.pass(DAY);
    await succeed();
    await service.round();
    expect(receiver.received).toHaveLength(2);
    const keys = await app.redis.keys(`${app.deps.config.keyPrefix}:*webhook*`);
    expect(keys).toEqual([]);
  });

  test('that is deleted while it is being sent to stays deleted', async () => {
    const webhook = await register();
    receiver.answer((response) => {
      void service.webhooks.remove(DEFAULT_TENANT, webhook.id).then(() => response.writeHead(500).end());
    });
    await succeed();
    await service.round();
    expect(receiver.received).toHaveLength(1);
    expect(await app.redis.keys(`${app.deps.config.keyPrefix}:*webhook*`)).toEqual([]);
    expect(service.errors).toEqual([]);
  });
});
