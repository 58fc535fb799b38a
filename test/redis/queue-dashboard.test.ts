/** The queues in a browser: for admins, without faces, and nothing to change there. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { startApp, type TestApp } from '../support/app.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => service.close());

async function open(env: Record<string, string>): Promise<void> {
  const config = { ...loadConfig(env), keyPrefix: `board-${Math.random()}` };
  service = await startApp(server.url, { config });
}

const get = (url: string, authorization?: string) =>
  service.app.inject({ url, headers: { ...(authorization && { authorization }) } });
const basic = (password: string, name = 'admin') =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

test('is off unless it is asked for', async () => {
  await open({});
  expect((await get('/admin/queues')).statusCode).toBe(404);
});

test('asks the browser for an admin key, which is the password there and nowhere else', async () => {
  await open({ LATENTMORPH_AUTH: 'keys', LATENTMORPH_QUEUE_DASHBOARD: 'on' });
  const { token } = await service.deps.apiKeys.create({ tenant: 'acme', name: 'k', admin: true });
  const other = await service.deps.apiKeys.create({ tenant: 'acme', name: 'k', admin: false });
  const page = '/admin/queues/';
  const assets: string[] = [];
  for (const authorization of [basic(token), basic(token, ''), `Bearer ${token}`]) {
    const answer = await get(page, authorization);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    assets.push(...[...answer.body.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, path]) => path!));
  }
  const [asset] = assets.filter((path) => path.endsWith('.js'));
  const inside = [page, `/admin/queues/${asset}`, '/admin/queues/api/queues', '/admin/queues/queue/embed'];
  for (const url of inside) {
    expect((await get(url, basic(token))).statusCode, url).toBe(200);
    const none = await get(url);
    expect([none.statusCode, none.headers['www-authenticate']], url).toEqual([
      401,
      'Basic realm="latentmorph"',
    ]);
    expect(none.json()).toMatchObject({ code: 'UNAUTHORIZED', instance: none.headers['x-request-id'] });
    expect((await get(url, basic(other.token))).statusCode, url).toBe(403);
    expect((await get(url, basic('lm_wrong'))).statusCode, url).toBe(401);
    expect((await get(url, 'Basic !')).statusCode, url).toBe(401);
  }
  const elsewhere = await get('/embeddings', basic(token));
  expect([elsewhere.statusCode, elsewhere.headers['www-authenticate']]).toEqual([
    401,
    'Bearer realm="latentmorph"',
  ]);
});

test('shows ids of jobs, and neither landmarks nor what a job has returned', async () => {
  await open({ LATENTMORPH_QUEUE_DASHBOARD: 'on' });
  const { queues } = service.deps;
  await queues.enqueueEmbed({ id: 'emb_8Jx0cTq5mYb2LrVw7NfK' });
  const [, renders] = queues.all();
  const place = { original: 'embeddings/a/original', landmarks: [[123.456, 7]], width: 1, height: 1 };
  await renders!.add('morph', { kind: 'morph', key: 'f'.repeat(64), a: 'embeddings/a/latent', place });
  const jobs = async (queue: string) => {
    const answer = await get(`/admin/queues/api/queues?activeQueue=${queue}&page=1&jobsPerPage=10`);
    return answer.json().queues.find(({ name }: { name: string }) => name === queue).jobs;
  };
  const [embed] = await jobs('embed');
  expect(embed).toMatchObject({ id: 'emb_8Jx0cTq5mYb2LrVw7NfK', data: { id: 'emb_8Jx0cTq5mYb2LrVw7NfK' } });
  const [render] = await jobs('render');
  expect(render.data).toEqual({ kind: 'morph', key: 'f'.repeat(64) });
  service.serveRenders(async () => ({ faces: [{ landmarks: [[123.456, 7]] }] }));
  await expect.poll(async () => (await jobs('render'))[0].finishedOn).toBeTruthy();
  expect(JSON.stringify(await jobs('render'))).not.toContain('123.456');
  const alone = await get(`/admin/queues/api/queues/render/${render.id}`);
  expect(alone.json().job.data).toEqual(render.data);
  expect(alone.body).not.toContain('123.456');
});

test('changes nothing', async () => {
  await open({ LATENTMORPH_QUEUE_DASHBOARD: 'on' });
  await service.deps.queues.enqueueEmbed({ id: 'emb_8Jx0cTq5mYb2LrVw7NfK' });
  for (const path of [
    'queues/pause',
    'queues/embed/pause',
    'queues/embed/empty',
    'queues/embed/obliterate',
    'queues/embed/emb_8Jx0cTq5mYb2LrVw7NfK/clean',
  ]) {
    const answer = await service.app.inject({ method: 'PUT', url: `/admin/queues/api/${path}` });
    expect([answer.statusCode, answer.json().code], path).toEqual([403, 'FORBIDDEN']);
  }
  expect(await service.deps.queues.position('emb_8Jx0cTq5mYb2LrVw7NfK')).toBe(0);
  expect(await service.deps.queues.all()[0]!.isPaused()).toBe(false);
});

test('is no part of the API', async () => {
  await open({ LATENTMORPH_QUEUE_DASHBOARD: 'on' });
  const { paths } = parse((await get('/openapi.yaml')).body) as { paths: Record<string, unknown> };
  expect(Object.keys(paths).filter((path) => path.startsWith('/admin'))).toEqual([]);
});
