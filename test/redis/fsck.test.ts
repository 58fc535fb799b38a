/** `npm run fsck` finds what is broken on purpose, mends it, and finds nothing in a store that is well. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import type { Queues } from '../../src/queue.js';
import type { Finding } from '../../src/store/fsck/faults.js';
import { fsck } from '../../src/store/fsck/fsck.js';
import { Pending } from '../../src/store/pending.js';
import type { SealedBlobs } from '../../src/store/sealed-blobs.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';

let service: TestApp;
eachTestOnApp(async (app) => {
  service = app;
});

const HOUR = 3_600_000;

async function look({ graceMs = 0, contents = true } = {}): Promise<Finding[]> {
  const { redis, deps } = service;
  const prefix = deps.config.keyPrefix;
  const found: Finding[] = [];
  const walk = fsck({
    redis,
    prefix,
    records: deps.records,
    pending: new Pending(redis, prefix),
    blobs: deps.blobs as SealedBlobs,
    jobs: deps.queues as Queues,
    now: () => new Date(deps.now().getTime() + HOUR),
    graceMs,
    contents,
  });
  for await (const finding of walk) found.push(finding);
  return found;
}

const told = (findings: readonly Finding[]): string[] =>
  findings.map(({ fault, subject }) => `${fault} ${subject.replace(/^.*(tenant:|:)(?=\S+ )/, '$1')}`).sort();

/** Looks, mends what can be mended, and looks again. */
async function mended(): Promise<{ found: string[]; left: string[] }> {
  const findings = await look();
  for (const { mend } of findings) await mend?.();
  return { found: told(findings), left: told(await look()) };
}

const put = (key: string): Promise<void> => service.deps.blobs.put(key, Buffer.from(key));

async function stored(patch: Partial<EmbeddingRecord> = {}): Promise<EmbeddingRecord> {
  const record = await storeFinished(service, { labels: ['red', 'blue'], reference: 'user 1', ...patch });
  // What is created finished is listed as unfinished by nobody but this helper.
  const { keyPrefix } = service.deps.config;
  if (record.state === 'succeeded')
    for (const list of ['unfinished', 'tenant:default:unfinished'])
      await service.redis.zrem(`${keyPrefix}:${list}`, record.id);
  return record;
}

test('a store that is well has no faults, whatever its embeddings are at', async () => {
  const { records, queues } = service.deps;
  await stored();
  const waiting = await stored({ state: 'queued', blobs: {} });
  await queues.enqueueEmbed(waiting);
  const running = await stored({ state: 'queued', attempt: 0, blobs: {} });
  await queues.enqueueEmbed(running);
  await records.begin(running.id, 1);
  await put(`embeddings/${running.id}/1/preview.jpg`);
  const expired = await stored({ expiresAt: service.deps.now().toISOString(), blobs: {} });
  await records.expire(expired.id);
  await service.deps.blobs.deletePrefix(`embeddings/${expired.id}/`);
  await put('renders/abc');
  const payload = { url: 'https://hooks.example.com/a' };
  expect((await service.app.inject({ method: 'POST', url: '/webhooks', payload })).statusCode).toBe(201);
  expect(await look()).toEqual([]);
});

describe('finds and mends', () => {
  test('a file that was never finished', async () => {
    const { id } = await stored();
    const path = join(service.dir, 'embeddings', id, 'preview.jpg.0123456789ab.tmp');
    await writeFile(path, 'half');
    expect(await mended()).toEqual({
      found: [`unfinished-file embeddings/${id}/preview.jpg.0123456789ab.tmp`],
      left: [],
    });
  });

  test('blobs whose record was never made', async () => {
    const id = service.deps.newId();
    await put(`embeddings/${id}/original.jpg`);
    await put(`embeddings/${id}/1/aligned.png`);
    expect(await mended()).toEqual({ found: [`orphan-blob embeddings/${id}/`], left: [] });
    expect(await service.blobFiles()).toEqual([]);
  });

  test('what a lost attempt left beside the result of a later one', async () => {
    const { id, blobs } = await stored();
    await put(`embeddings/${id}/1/aligned.png`);
    expect(await mended()).toEqual({ found: [`unnamed-blob embeddings/${id}/1/aligned.png`], left: [] });
    expect(await service.deps.blobs.has(blobs.latent!)).toBe(true);
  });

  test('photos that were to be dropped', async () => {
    const id = service.deps.newId();
    const [original, latent] = [`embeddings/${id}/original.jpg`, `embeddings/${id}/1/latent.f32`];
    await put(original);
    await put(latent);
    await stored({ id, store: 'latent-only', blobs: { original, latent } });
    await service.deps.blobs.delete(`embeddings/${id}/latent.f32`);
    expect(await mended()).toEqual({ found: [`kept-photo ${original}`], left: [] });
    expect(await service.deps.blobs.has(latent)).toBe(true);
  });

  test('a deletion that was interrupted', async () => {
    const { id } = await stored();
    await service.deps.records.remove('default', id, { why: 'request' });
    const { found, left } = await mended();
    expect(found).toContain(`interrupted-deletion ${id}`);
    expect(left).toEqual([]);
    expect(await service.blobFiles()).toEqual([]);
  });

  test('embeddings without a job: those that wait get one, those that ran fail', async () => {
    const { records, queues } = service.deps;
    const waiting = await stored({ state: 'queued', blobs: {} });
    const running = await stored({ state: 'queued', attempt: 0, blobs: {} });
    await records.begin(running.id, 1);
    for (const { id } of [waiting, running]) await service.deps.blobs.deletePrefix(`embeddings/${id}/`);
    const { found, left } = await mended();
    expect(found).toEqual([`lost-job ${waiting.id}`, `lost-job ${running.id}`].sort());
    expect(left).toEqual([]);
    expect(await queues.position(waiting.id)).toBe(0);
    expect(await records.get(running.id)).toMatchObject({
      state: 'failed',
      error: { code: 'ENGINE_FAILED' },
    });
  });

  test('lists that lack an embedding, or name one that is gone', async () => {
    const { redis, deps } = service;
    const prefix = deps.config.keyPrefix;
    const { id } = await stored({ expiresAt: '2026-03-01T00:00:00.000Z' });
    const list = `${prefix}:tenant:default:`;
    await redis.zrem(`${list}embeddings`, id);
    await redis.zrem(`${list}label:red`, id);
    await redis.zrem(`${prefix}:expiring`, id);
    await redis.zadd(`${list}reference:user 1`, 1, 'emb_gone');
    await redis.zadd(`${list}label:green`, 1, id);
    await redis.zadd(`${prefix}:unfinished`, 1, id);
    const { found, left } = await mended();
    expect(found.map((line) => line.split(' ')[0])).toEqual([
      ...Array(3).fill('stale-entry'),
      ...Array(3).fill('unlisted-record'),
    ]);
    expect(left).toEqual([]);
    const listed = await service.app.inject('/embeddings?label=red');
    expect(listed.json().embeddings).toHaveLength(1);
  });
});

describe('finds and cannot mend', () => {
  test('a latent that was changed, and leaves it', async () => {
    const { id, blobs } = await stored();
    const path = join(service.dir, blobs.latent!);
    const bytes = await readFile(path);
    bytes[3]! ^= 1;
    await writeFile(path, bytes);
    const fault = `damaged-blob ${blobs.latent}`;
    expect(await mended()).toEqual({ found: [fault], left: [fault] });
    expect(await look({ contents: false })).toEqual([]);
    const answer = await service.app.inject(`/embeddings/${id}/latent`);
    expect(answer.json()).toMatchObject({ status: 500, code: 'BLOB_DAMAGED' });
  });

  test('a latent that was cut short, or is gone', async () => {
    const [short, gone] = [await stored(), await stored()];
    await truncate(join(service.dir, short.blobs.latent!), 10);
    await rm(join(service.dir, gone.blobs.latent!));
    const faults = [`damaged-blob ${short.blobs.latent}`, `missing-blob ${gone.blobs.latent}`];
    expect(await mended()).toEqual({ found: faults, left: faults });
  });
});

test('leaves alone what is younger than the grace, such as an upload under way', async () => {
  const id = service.deps.newId();
  await put(`embeddings/${id}/original.jpg`);
  await writeFile(join(service.dir, `embeddings/${id}/a.jpg.0123456789ab.tmp`), 'half');
  expect(await look({ graceMs: 60_000 })).toEqual([]);
  for (const name of ['original.jpg', 'a.jpg.0123456789ab.tmp']) {
    const old = new Date(Date.now() - 2 * 60_000);
    await utimes(join(service.dir, 'embeddings', id, name), old, old);
  }
  expect(await look({ graceMs: 60_000 })).toHaveLength(2);
});

test('tells on the command line, and by its exit code', async () => {
  const data = await mkdtemp(join(tmpdir(), 'latentmorph-fsck-'));
  const { host, port } = service.redis.options;
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['dist/cli/fsck.js', '--older-than', '0', '--json', ...args], {
      env: { ...process.env, REDIS_URL: `redis://${host}:${port}`, LATENTMORPH_DATA: data },
    }).then(
      ({ stdout }) => ({ code: 0, value: JSON.parse(stdout) }),
      ({ code, stdout }) => ({ code, value: stdout ? JSON.parse(stdout) : undefined }),
    );
  expect(await run()).toMatchObject({ code: 0, value: { clean: true, faults: [], blobs: 0 } });
  const id = service.deps.newId();
  await put(`embeddings/${id}/original.jpg`);
  await mkdir(join(data, 'blobs'));
  await rename(join(service.dir, 'embeddings'), join(data, 'blobs', 'embeddings'));
  await mkdir(dirname(join(service.dir, 'embeddings')), { recursive: true });
  const orphans = { fault: 'orphan-blob', found: 1, subjects: [`embeddings/${id}/`] };
  expect(await run()).toMatchObject({
    code: 1,
    value: { clean: false, faults: [{ ...orphans, mended: 0 }] },
  });
  expect(await run('--repair')).toMatchObject({
    code: 0,
    value: { clean: true, faults: [{ ...orphans, mended: 1 }] },
  });
  expect(await run()).toMatchObject({ code: 0, value: { faults: [] } });
  expect(await run('--older-than', 'x')).toEqual({ code: 2, value: undefined });
  await rm(data, { recursive: true });
});
