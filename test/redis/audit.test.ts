/** `npm run audit` tells operators which embeddings were deleted. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { startApp, storeFinished, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
const ids: string[] = [];
beforeAll(async () => {
  server = await startRedis();
  service = await startApp(server.url, { config: loadConfig({ LATENTMORPH_AUTH: 'keys' }) });
  for (const tenant of ['acme', 'other']) {
    const { token } = await service.deps.apiKeys.create({ tenant, name: 'anna-mueller', admin: false });
    const { id } = await storeFinished(service, { tenant, reference: 'anna-mueller' });
    const headers = { authorization: `Bearer ${token}` };
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}`, headers });
    ids.push(id);
  }
});
afterAll(async () => {
  await service.close();
  await server.stop();
});

const audit = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['dist/cli/audit.js', ...args], {
    env: { ...process.env, REDIS_URL: server.url },
  });

test('tells who had what deleted, when and why, and nothing of a person', async () => {
  const { stdout } = await audit('--json');
  const entries = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [key] = (await service.deps.apiKeys.list()).filter(({ tenant }) => tenant === 'acme');
  expect(entries.map(({ id }) => id)).toEqual(ids);
  expect(entries[0]).toEqual({
    at: expect.stringMatching(/^20.*Z$/),
    tenant: 'acme',
    id: ids[0],
    why: 'request',
    key: key!.id,
    blobs: 1,
    renders: 0,
  });
  expect(stdout).not.toContain('anna');
});

test('tells only of a tenant, or of what has come since', async () => {
  const of = async (...args: string[]) => (await audit('--json', ...args)).stdout.split('\n').length - 1;
  expect(await of('--tenant', 'other')).toBe(1);
  expect(await of('--since', '2026-01-01')).toBe(2);
  expect(await of('--since', '2999-01-01')).toBe(0);
  expect((await audit('--tenant', 'acme')).stdout).toMatch(
    /request[\s\S]*1 deletions, 0 of all not finished/,
  );
});

test('says what it expects', async () => {
  await expect(audit('--since', 'tomorrow')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      "Expected a moment such as 2026-01-31 for --since but received 'tomorrow'.",
    ),
  });
});
