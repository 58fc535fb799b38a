/** Webhooks as the role `upkeep` runs them. */
import { once } from 'node:events';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import { startUpkeep } from '../../src/worker/upkeep.js';
import { webhookChores } from '../../src/worker/webhook-chores.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

let app: TestApp;
let receiver: Receiver;
eachTestOnApp(async (started) => {
  app = started;
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const start = (webhookPrivate: 'allow' | 'refuse') => {
  const { redis, deps } = app;
  const config = { keyPrefix: deps.config.keyPrefix, webhookPrivate };
  const log = pino({ level: 'silent' });
  return startUpkeep(webhookChores({ redis, records: deps.records, config, log }), log);
};

async function succeed(): Promise<void> {
  const { id } = await storeFinished(app, { state: 'running' });
  await app.deps.records.succeed(id, 1, {});
}

const register = () => app.deps.webhooks.create('default', { url: receiver.url, events: OUTBOX_TYPES });

test('an endpoint hears of an end within a second or two', async () => {
  await register();
  const end = start('allow');
  await succeed();
  await expect.poll(() => receiver.received.length, { timeout: 5_000 }).toBe(1);
  await end();
});

test('what is in flight when the process stops is finished, and nothing new begun', async () => {
  const webhook = (await register())!;
  const answered = new AbortController();
  receiver.answer((response) => {
    answered.signal.addEventListener('abort', () => response.writeHead(200).end());
  });
  const end = start('allow');
  await succeed();
  await expect.poll(() => receiver.received.length, { timeout: 5_000 }).toBe(1);
  const ended = end();
  await succeed();
  setTimeout(() => answered.abort(), 200);
  await Promise.all([ended, once(answered.signal, 'abort')]);
  const { deliveries } = await app.deps.webhookDeliveries.page(webhook.id, { limit: 10 });
  expect(deliveries).toMatchObject([{ state: 'succeeded' }]);
  expect(receiver.received).toHaveLength(1);
});

test('private addresses are refused unless the configuration allows them', async () => {
  const webhook = (await register())!;
  const end = start('refuse');
  await succeed();
  const failures = async () => {
    const { deliveries } = await app.deps.webhookDeliveries.page(webhook.id, { limit: 10 });
    return deliveries.flatMap(({ attempts }) => attempts.map(({ failure }) => failure));
  };
  await expect.poll(failures, { timeout: 5_000 }).toEqual(['address-not-allowed']);
  await end();
  expect(receiver.received).toEqual([]);
});
