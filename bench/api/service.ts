/** One API process as users run it, with keys, on a Redis of its own; no worker, since its work is not what is measured. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { freePort, planRedis, redisReady } from '../../src/cli/embedded-redis.js';
import type * as Processes from '../../src/cli/processes.js';
import { type Config, childEnvironment, loadConfig } from '../../src/config.js';
import { DEFAULT_TENANT, type Detection } from '../../src/contracts.js';
import type { RenderJob } from '../../src/jobs.js';
import { RENDER_QUEUE } from '../../src/queue.js';
import { ApiKeys } from '../../src/store/api-keys.js';
import { FileBlobStore } from '../../src/store/blobs.js';
import { Records } from '../../src/store/records.js';
import { MODELS_DIR, ROOT } from '../workspace.js';

export interface ApiProcess {
  url: string;
  /** What a client sends along. */
  headers: { authorization: string };
  records: Records;
  stop(): Promise<void>;
}

/** `detection` answers every look for faces at once: a worker's time is not the API's. */
export async function startApi(detection: Detection): Promise<ApiProcess> {
  // Children are told what to do by scripts beside the build.
  const { leashed, nodeSpec, ManagedProcess } = (await import(
    join(ROOT, 'dist/cli/processes.js')
  )) as typeof Processes;
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-api-'));
  const plan = await planRedis(join(dataDir, 'redis'), MODELS_DIR);
  const server = new ManagedProcess(leashed(plan.spec));
  await redisReady(plan.url, 20_000);
  const config: Config = {
    ...loadConfig({}),
    host: '127.0.0.1',
    port: await freePort(),
    redisUrl: plan.url,
    dataDir,
    logLevel: 'warn',
  };
  const { keyPrefix } = config;
  const env = { ...childEnvironment(config), LATENTMORPH_AUTH: 'keys' };
  const api = new ManagedProcess(nodeSpec('api', new URL(`file://${join(ROOT, 'dist/api/main.js')}`), env));
  const url = `http://127.0.0.1:${config.port}`;
  await answers(`${url}/healthz`);

  const redis = new Redis(plan.url, { maxRetriesPerRequest: null });
  const workerRedis = new Redis(plan.url, { maxRetriesPerRequest: null });
  const blobs = new FileBlobStore(join(dataDir, 'blobs'));
  const seen = Buffer.from(JSON.stringify(detection));
  const worker = new Worker<RenderJob>(
    RENDER_QUEUE,
    async ({ data }) => {
      if (data.kind === 'detect') await blobs.put(data.result, seen);
    },
    { connection: workerRedis, prefix: keyPrefix, concurrency: 4 },
  );
  const { token } = await new ApiKeys(redis, keyPrefix).create({
    tenant: DEFAULT_TENANT,
    name: 'bench',
    admin: false,
    ratePerMinute: 0,
  });
  return {
    url,
    headers: { authorization: `Bearer ${token}` },
    records: new Records(redis, keyPrefix),
    stop: async () => {
      await worker.close(true);
      for (const connection of [redis, workerRedis]) connection.disconnect();
      await api.stop(5_000);
      await server.stop(5_000);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
  }
  throw new Error('The API did not answer within 20 s');
}
