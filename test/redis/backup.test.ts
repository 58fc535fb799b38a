/** A backup of a service that goes on writing, restored into an empty place: every latent is there, bit by bit. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { planRedis, redisDir, redisReady, releaseRedis } from '../../src/cli/embedded-redis.js';
import { ManagedProcess } from '../../src/cli/processes.js';
import { loadConfig } from '../../src/config.js';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { openBlobs } from '../../src/store/open-blobs.js';
import { Records } from '../../src/store/records.js';
import { connectRedis, ready } from '../../src/store/redis.js';

const { modelsDir, keyPrefix } = loadConfig();
const running: { dir: string; server: ManagedProcess }[] = [];
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latentmorph-backup-'));
});
afterEach(async () => {
  await stopAll();
  await rm(root, { recursive: true, force: true });
});

/** Redis and blobs of a data directory, as a service has them. */
async function open(dataDir: string) {
  const dir = redisDir(dataDir);
  const { url, spec } = await planRedis(dir, modelsDir);
  running.push({ dir, server: new ManagedProcess(spec) });
  await redisReady(url, 10_000);
  const redis = connectRedis(url, () => undefined);
  await ready(redis, 5_000);
  const blobs = await openBlobs({ dataDir, blobs: { kind: 'files' } });
  return { redis, blobs, records: new Records(redis, keyPrefix), close: () => redis.disconnect() };
}
type Opened = Awaited<ReturnType<typeof open>>;

async function stopAll(): Promise<void> {
  for (const { dir, server } of running.splice(0)) {
    await server.stop(5_000);
    await releaseRedis(dir);
  }
}

const run = (name: string, dataDir: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [`dist/cli/${name}.js`, ...args], {
    env: { ...process.env, LATENTMORPH_DATA: dataDir },
  });

const latentOf = (i: number): Buffer => Buffer.alloc(16 * 512 * 4, `latent ${i} `);

async function embed({ blobs, records }: Opened, i: number): Promise<string> {
  const id = `emb_${String(i).padStart(20, 'a')}`;
  const latent = `embeddings/${id}/1/latent.f32`;
  await blobs.put(latent, latentOf(i));
  const record: EmbeddingRecord & { state: 'succeeded' } = {
    id,
    tenant: 'default',
    state: 'succeeded',
    createdAt: new Date().toISOString(),
    options: { steps: 1, learningRate: 0.05, space: 'pn', pixelWeight: 0, styles: 16 },
    attempt: 1,
    blobs: { latent },
  };
  await records.createFinished(record);
  return id;
}

test('is whole, although embeddings came and went while it was made', async () => {
  const data = join(root, 'data');
  const service = await open(data);
  const kept: string[] = [];
  for (let i = 0; i < 50; i++) kept.push(await embed(service, i));
  const state = { stopped: false, written: 50 };
  const writing = (async () => {
    for (; !state.stopped; state.written++) {
      const id = await embed(service, state.written);
      if (state.written % 3 === 0) {
        await service.records.remove('default', id, { why: 'request' });
        await service.blobs.deletePrefix(`embeddings/${id}/`);
        await service.records.forget(id);
      }
      await sleep(5);
    }
  })();
  await run('backup', data, join(root, 'copy'));
  state.stopped = true;
  await writing;
  expect(state.written).toBeGreaterThan(60);
  service.close();
  await stopAll();

  const place = join(root, 'restored');
  await run('restore', place, join(root, 'copy'));
  const restored = await open(place);
  const ids = await restored.redis.zrange(`${keyPrefix}:tenant:default:embeddings`, 0, '-1');
  expect(ids).toEqual(expect.arrayContaining(kept));
  const checked = await run('fsck', place, '--repair', '--older-than', '0', '--json').catch((error) => error);
  const { faults } = JSON.parse(checked.stdout) as { faults: { fault: string; subjects: string[] }[] };
  // One that was stored after the first round and deleted before the second may lack its blob, and nothing else may.
  const gone = faults.filter(({ fault }) => fault === 'missing-blob').flatMap(({ subjects }) => subjects);
  expect(
    faults.filter(({ fault }) => !['missing-blob', 'orphan-blob', 'interrupted-deletion'].includes(fault)),
  ).toEqual([]);
  for (const id of ids) {
    const latent = (await restored.records.get(id))?.blobs.latent;
    if (!latent || gone.includes(latent)) continue;
    expect((await restored.blobs.get(latent))?.equals(latentOf(Number(id.replace(/^emb_a*/, ''))))).toBe(
      true,
    );
  }
  for (const id of kept) expect(gone.join()).not.toContain(id);
  restored.close();
});

test('is not made into a folder that has something, nor restored over anything', async () => {
  const data = join(root, 'data');
  (await open(data)).close();
  await writeFile(join(root, 'mine.txt'), 'mine');
  await expect(run('backup', data, root)).rejects.toMatchObject({
    stderr: expect.stringContaining('empty folder'),
  });
  await run('backup', data, join(root, 'copy'));
  expect((await readdir(join(root, 'copy'))).sort()).toContain('dump.rdb');
  await expect(run('restore', data, join(root, 'copy'))).rejects.toMatchObject({
    stderr: expect.stringContaining('empty data directory'),
  });
  await expect(run('restore', join(root, 'new'), root)).rejects.toMatchObject({
    stderr: expect.stringContaining('no dump.rdb'),
  });
  expect(await readFile(join(root, 'mine.txt'), 'utf8')).toBe('mine');
});
