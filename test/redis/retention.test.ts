/** What an operator says about how long embeddings are kept. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { detection, startApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let jpeg: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  server = await startRedis();
  jpeg = new Uint8Array(await readFile(SMALL_PHOTO));
});
afterAll(() => server.stop());

/** What a service that is set like this answers to one photo. */
async function answerOf(env: Record<string, string>, retention?: string) {
  const config = { ...loadConfig(env), keyPrefix: `retention-${Math.random()}` };
  const service = await startApp(server.url, { config });
  service.serveRenders(async () => detection(1));
  const form = new FormData();
  if (retention !== undefined) form.set('retention', retention);
  form.set('image', new Blob([jpeg]), 'a.jpg');
  const answer = (await service.post(form)).json();
  const stored = (await service.blobFiles()).length;
  await service.close();
  return { ...answer, stored };
}

describe('the default', () => {
  const env = { LATENTMORPH_RETENTION_DAYS: '30' };

  test('holds for what asks for nothing else', async () => {
    expect(await answerOf(env)).toMatchObject({ expiresAt: '2026-03-02T12:00:00.000Z' });
  });

  test('gives way to what a request asks for, even for ever', async () => {
    expect(await answerOf(env, 'PT12H')).toMatchObject({ expiresAt: '2026-02-01T00:00:00.000Z' });
    expect(await answerOf(env, 'none')).toMatchObject({ expiresAt: null });
  });
});

describe('the longest', () => {
  const env = { LATENTMORPH_RETENTION_DAYS: '30', LATENTMORPH_RETENTION_MAX_DAYS: '30' };

  test.each(['P30D', 'PT1M', 'P29DT24H'])('allows %s', async (retention) => {
    expect(await answerOf(env, retention)).toMatchObject({ state: 'queued', stored: 1 });
  });

  test.each(['none', 'P30DT1M', 'P3650D'])('refuses %s, and stores nothing', async (retention) => {
    expect(await answerOf(env, retention)).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
      detail: expect.stringMatching(/at most P30D for `retention`/),
      stored: 0,
    });
  });
});
