/** The receiving example of docs/guides/webhooks.md, as it stands there. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { OUTBOX_TYPES } from '../../src/store/job-protocol.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { WebhookService } from '../support/webhook-service.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const guide = readFileSync(`${ROOT}docs/guides/webhooks.md`, 'utf8');
const [, example] = /```js\n([\s\S]+?)```/.exec(guide)!;

let app: TestApp;
eachTestOnApp(async (started) => {
  app = started;
});

test('the example takes each event once and refuses what is not signed', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const service = new WebhookService(app);
  const webhook = (await service.webhooks.create('default', { url, events: OUTBOX_TYPES }))!;
  const receiver = spawn(process.execPath, ['--input-type=module', '-e', example!], {
    cwd: ROOT,
    env: { ...process.env, WEBHOOK_SECRET: webhook.secret, PORT: `${port}` },
  });
  let output = '';
  for (const stream of [receiver.stdout, receiver.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    const post = (body: string) => fetch(url, { method: 'POST', body }).catch(() => undefined);
    await expect.poll(async () => (await post('{"type":"forged"}'))?.status, { timeout: 10_000 }).toBe(400);
    const { id } = await storeFinished(app, { state: 'running' });
    await app.deps.records.succeed(id, 1, {});
    await service.round();
    const { deliveries } = await service.deliveries.page(webhook.id, { limit: 1 });
    expect(await service.deliveries.redeliver(webhook.id, deliveries[0]!.id)).toBe(true);
    await service.round();
    const [delivery] = (await service.deliveries.page(webhook.id, { limit: 1 })).deliveries;
    expect(delivery!.attempts.map(({ status }) => status)).toEqual([204, 204]);
    expect(output).toBe(`embedding.succeeded ${id}\n`);
  } finally {
    receiver.kill('SIGKILL');
  }
});

test('the table of events in the guide lists them all', () => {
  const rows = [...guide.matchAll(/^\| `((?:embedding|webhook)\.\w+)` \|/gm)].map(([, type]) => type);
  expect(rows).toEqual([...OUTBOX_TYPES, 'webhook.test']);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
