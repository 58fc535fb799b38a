/**
 * Requests that the service makes itself: webhooks, and no others, since photos come as bytes and never as addresses. What must
 * not be reached is not reached, and webhooks that may be go on.
 */
import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_TENANT } from '../../src/contracts.js';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import { type LookupAll, safeAgent } from '../../src/webhooks/safe-agent.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { WebhookService } from '../support/webhook-service.js';

let app: TestApp;
let receiver: Receiver;
eachTestOnApp(async (started) => {
  app = started;
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

test.each([
  'https://127.0.0.1/hook',
  'https://localhost/hook',
  'https://169.254.169.254/latest/meta-data/',
  'https://10.0.0.1/hook',
  'https://172.16.0.1/hook',
  'https://192.168.1.1/hook',
  'https://100.64.0.1/hook',
  'https://0.0.0.0/hook',
  'https://[::1]/hook',
  'https://[fe80::1]/hook',
  'https://[fc00::1]/hook',
  'https://[::ffff:127.0.0.1]/hook',
  'https://[::ffff:7f00:1]/hook',
  'https://2130706433/hook',
  'https://0x7f.1/hook',
  'https://good.example@127.0.0.1/hook',
  'http://good.example@evil.example/hook',
  'http://hooks.example.com/hook',
  'ftp://hooks.example.com/hook',
  'file:///etc/passwd',
])('a webhook to %s is refused', async (url) => {
  const payload = { url };
  const answer = await app.app.inject({ method: 'POST', url: '/webhooks', payload });
  expect([400, 422]).toContain(answer.statusCode);
  expect(['WEBHOOK_URL_REFUSED', 'BAD_REQUEST']).toContain(answer.json().code);
  expect((await app.app.inject('/webhooks')).json().webhooks).toEqual([]);
});

/** Ends an embedding, of which the webhook at `url` is to hear, with names that resolve as told. */
async function deliver(url: string, addresses: LookupAddress[][], allowPrivate = false) {
  let asked = 0;
  const lookup: LookupAll = (_name, _options, done) =>
    done(null, addresses[Math.min(asked++, addresses.length - 1)]!);
  const dispatcher = safeAgent({
    allowPrivate,
    connectTimeoutMs: 300,
    ...(addresses.length > 0 && { lookup }),
  });
  const service = new WebhookService(app, { dispatcher, allowPrivate });
  const made = await service.webhooks.create(DEFAULT_TENANT, { url, events: OUTBOX_TYPES });
  const { id } = await storeFinished(app, { state: 'running' });
  await app.deps.records.succeed(id, 1, {});
  const last = async () =>
    (await service.deliveries.page(made!.id, { limit: 1 })).deliveries[0]?.attempts.at(-1);
  await service.round();
  return { service, last };
}

const LOCAL: LookupAddress = { address: '127.0.0.1', family: 4 };
/** Global unicast in form, and assigned to nobody. */
const NOWHERE: LookupAddress = { address: '3000::1', family: 6 };

test('a name that leads to the internet at first and to this machine at the next attempt (DNS rebinding) is not followed', async () => {
  const { service, last } = await deliver(`https://rebound.example:${receiver.port}/`, [[NOWHERE], [LOCAL]]);
  expect((await last())?.failure).not.toBe('address-not-allowed');
  service.pass(3_600_000);
  await service.round();
  expect(await last()).toMatchObject({ failure: 'address-not-allowed' });
  expect(receiver.received).toEqual([]);
});

test('a redirect to a private address is not followed', async () => {
  const inner = await startReceiver();
  receiver.answer((response) => void response.writeHead(302, { location: inner.url }).end());
  const { last } = await deliver(receiver.url, [], true);
  expect(await last()).toMatchObject({ status: 302, failure: 'redirect' });
  expect(inner.received).toEqual([]);
  await inner.close();
});

test('an answer that never ends, and one of gigabytes, are let go', async () => {
  let sent = 0;
  receiver.answer((response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const timer = setInterval(() => {
      sent += 65_536;
      response.write(Buffer.alloc(65_536));
    }, 1);
    response.on('close', () => clearInterval(timer));
  });
  const before = process.memoryUsage().rss;
  const { last } = await deliver(receiver.url, [], true);
  await expect.poll(last).toBeDefined();
  const after = sent;
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  await expect.poll(() => sent - after).toBeLessThan(64 * 2 ** 20);
});
