/** The app on a real Redis and a temporary blob store, with a consumer of the `render` queue that answers what a test says. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'bullmq';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type AppDeps, buildApp } from '../../src/api/app.js';
import { loadConfig } from '../../src/config.js';
import { DEFAULT_TENANT, type Detection, type EmbeddingRecord } from '../../src/contracts.js';
import type { RenderJob } from '../../src/jobs.js';
import { ApiMetrics } from '../../src/metrics/api-metrics.js';
import { Queues, RENDER_QUEUE, toFailure } from '../../src/queue.js';
import { ApiKeys } from '../../src/store/api-keys.js';
import { FileBlobStore } from '../../src/store/blobs.js';
import { Changes } from '../../src/store/changes.js';
import { DiskRoom } from '../../src/store/disk-room.js';
import { Idempotency } from '../../src/store/idempotency.js';
import { MetricSums } from '../../src/store/metric-sums.js';
import { RecordList } from '../../src/store/record-list.js';
import { Records } from '../../src/store/records.js';
import { connectRedis, IN_REQUESTS, ready } from '../../src/store/redis.js';
import { SealedBlobs } from '../../src/store/sealed-blobs.js';
import { UrlSignatures } from '../../src/store/url-signatures.js';
import { Usage } from '../../src/store/usage.js';
import { WebhookDeliveries } from '../../src/store/webhook-deliveries.js';
import { Webhooks } from '../../src/store/webhooks.js';
import { NO_TRACING } from '../../src/tracing/tracing.js';
import { startRedis, type TestRedis } from './redis.js';

/** What a worker does with a job; faces that it returns are left in the blob of a `detect` job. */
export type Answer = (job: RenderJob, deps: AppDeps) => Promise<unknown>;

export interface TestApp {
  app: FastifyInstance;
  deps: AppDeps;
  redis: Redis;
  /** Directory of the blobs. */
  dir: string;
  /** Paths of every stored blob, temporary files included. */
  blobFiles(): Promise<string[]>;
  /** Starts the consumer of the render queue. */
  serveRenders(answer: Answer): void;
  /** To `/embeddings` where no URL is given. */
  post(form: FormData, headers?: Record<string, string>, url?: string): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

export async function startApp(redisUrl: string, overrides: Partial<AppDeps> = {}): Promise<TestApp> {
  const keyPrefix = overrides.config?.keyPrefix ?? `test-${randomBytes(4).toString('hex')}`;
  const dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
  const redis = connectRedis(redisUrl, () => {}, IN_REQUESTS);
  const records = new Records(redis, keyPrefix);
  const changes = new Changes(redis, keyPrefix);
  const queues = new Queues(redisUrl, keyPrefix, undefined, overrides.tracing);
  const workers: Worker[] = [];
  const connections: Redis[] = [];
  const deps: AppDeps = {
    config: { ...loadConfig({}), keyPrefix },
    redis,
    queues,
    records,
    recordList: new RecordList(redis, keyPrefix, records),
    idempotency: new Idempotency(redis, keyPrefix),
    changes,
    apiKeys: new ApiKeys(redis, keyPrefix),
    urlSignatures: new UrlSignatures(redis, keyPrefix),
    usage: new Usage(redis, keyPrefix),
    webhooks: new Webhooks(redis, keyPrefix),
    webhookDeliveries: new WebhookDeliveries(redis, keyPrefix),
    metrics: new ApiMetrics(),
    metricSums: new MetricSums(redis, keyPrefix),
    tracing: NO_TRACING,
    blobs: new SealedBlobs(new FileBlobStore(dir)),
    disk: new DiskRoom({ blobs: { kind: 'files' }, dataDir: dir, diskFreeBytes: 0 }),
    patience: { detectMs: 5_000, renderMs: 5_000 },
    regions: { generator: 'g1', sha256: 'map 1' },
    now: () => new Date('2026-01-31T12:00:00Z'),
    newId: () => `emb_${randomBytes(15).toString('base64url')}`,
    isDraining: () => false,
    ...overrides,
  };
  await Promise.all([ready(redis, 5_000), queues.ready(5_000)]);
  const app = await buildApp(deps);
  return {
    app,
    deps,
    redis,
    dir,
    blobFiles: async () => {
      const entries = await readdir(dir, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    },
    serveRenders: (answer) => {
      const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
      const processor = async (job: { data: RenderJob }) => {
        try {
          const { data } = job;
          const seen = await answer(data, deps);
          if (data.kind === 'detect' && seen)
            await deps.blobs.put(data.result, Buffer.from(JSON.stringify(seen)));
        } catch (error) {
          throw new Error(toFailure(error));
        }
      };
      connections.push(connection);
      const options = { connection, prefix: keyPrefix, concurrency: 4 };
      // A Redis that goes away is what some tests are about.
      workers.push(new Worker<RenderJob>(RENDER_QUEUE, processor, options).on('error', () => undefined));
    },
    post: async (form, headers = {}, url = '/embeddings') => {
      const request = new Request('http://localhost/', { method: 'POST', body: form });
      const payload = Buffer.from(await request.arrayBuffer());
      const type = request.headers.get('content-type') ?? '';
      return app.inject({
        method: 'POST',
        url,
        payload,
        headers: { 'content-type': type, ...headers },
      });
    },
    close: async () => {
      await app.close();
      await Promise.all(workers.map((worker) => worker.close(true)));
      await queues.close();
      changes.close();
      for (const connection of [...connections, redis]) connection.disconnect();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A detection of `count` faces, largest first. */
export function detection(count: number): Detection {
  const faces = Array.from({ length: count }, (_, i) => ({
    box: { x: 10 * i, y: 5, width: 100 - 10 * i, height: 120 - 10 * i },
    score: 0.9,
    landmarks: Array.from({ length: 68 }, (_, k): [number, number] => [k, k]),
  }));
  return { width: 640, height: 480, faces };
}

/** Stores an embedding that has succeeded. */
export async function storeFinished(
  { deps }: TestApp,
  patch: Partial<EmbeddingRecord> = {},
): Promise<EmbeddingRecord> {
  const { id = deps.newId() } = patch;
  const latent = `embeddings/${id}/latent.f32`;
  const record: EmbeddingRecord = {
    id,
    tenant: DEFAULT_TENANT,
    state: 'succeeded',
    createdAt: deps.now().toISOString(),
    options: { steps: 1, learningRate: 0.05, space: 'pn', pixelWeight: 0, styles: 16 },
    attempt: 1,
    generator: { name: 'generator', hash: 'g1' },
    latentHash: `latent of ${id}`,
    blobs: { latent },
    ...patch,
  };
  await deps.blobs.put(latent, Buffer.from(id));
  await deps.records.create(record);
  return record;
}

/** Starts a Redis for the file and an app for each of its tests, which `begin` prepares, and ends them. */
export function eachTestOnApp(begin: (service: TestApp) => Promise<void>): void {
  let server: TestRedis;
  let service: TestApp;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    service = await startApp(server.url);
    await begin(service);
  });
  afterEach(() => service.close());
}

/** Ids of two embeddings that have succeeded. */
export async function storePair(service: TestApp): Promise<[string, string]> {
  return [(await storeFinished(service)).id, (await storeFinished(service)).id];
}
