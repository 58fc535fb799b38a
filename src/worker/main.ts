/** Worker process: takes jobs from the queues of its roles and has its engines work on them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type Config, ENGINE_ROLES, type EngineRole, loadConfig } from '../config.js';
import type { EngineInfo } from '../engine/protocol.js';
import { createJobLog } from '../log.js';
import { beginSeries, Tally } from '../metrics/tally.js';
import { readVerified } from '../models/manifest.js';
import { EMBED_QUEUE, Queues } from '../queue.js';
import { Audit } from '../store/audit.js';
import type { SweptBlobStore } from '../store/blobs.js';
import { DiskRoom } from '../store/disk-room.js';
import { Leftovers } from '../store/leftovers.js';
import { MetricSums } from '../store/metric-sums.js';
import { openBlobs } from '../store/open-blobs.js';
import { Pending } from '../store/pending.js';
import { Records } from '../store/records.js';
import { connectRedis, ready } from '../store/redis.js';
import { Usage } from '../store/usage.js';
import { announce, type BatchInfo, HEARTBEAT_EVERY_MS, retire, type WorkerInfo } from '../store/workers.js';
import { startTracing } from '../tracing/tracing.js';
import { chores } from './chores.js';
import { embedWorker } from './embed-worker.js';
import { EngineClient } from './engine-client.js';
import { holdWhileLow } from './hold-while-low.js';
import { Latents } from './latents.js';
import { renderWorker } from './render-worker.js';
import { startUpkeep } from './upkeep.js';
import { webhookChores } from './webhook-chores.js';

/** How long short jobs may take to finish when the process is told to stop. */
const DRAIN_MS = 5_000;
/** How long what was counted and traced at last may take to be handed on. */
const TELL_MS = 1_000;
/** How much the latest job counts in the running mean of their seconds. */
const LATEST_SHARE = 0.2;

async function main(config: Config, log: Logger): Promise<void> {
  if (!config.redisUrl) {
    throw new Error('REDIS_URL is not set. A worker alone needs a Redis; `npm start` brings its own.');
  }
  if (ENGINE_ROLES.some((role) => config.roles.includes(role))) await readVerified(config.modelsDir);
  const onError = (error: Error): void => log.warn({ err: error }, 'redis');
  const redis = connectRedis(config.redisUrl, onError);
  await ready(redis, 10_000);
  const queueRedis = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
  queueRedis.on('error', onError);

  const tally = new Tally();
  const blobs = await openBlobs(config, (key) => {
    tally.count('latentmorph_blobs_damaged_total', {});
    log.error({ blob: key }, 'damaged blob');
  });
  const records = new Records(redis, config.keyPrefix);
  const usage = new Usage(redis, config.keyPrefix);
  const latents = new Latents(blobs);
  const tracing = await startTracing(config, 'latentmorph-worker', (error) =>
    log.warn({ err: error }, 'spans are lost'),
  );
  const sums = new MetricSums(redis, config.keyPrefix);
  const tell = (): Promise<void> => tally.handOn((samples) => sums.add(samples)).catch(onError);
  const engines = new Map<EngineRole, EngineClient>();
  const queues: Worker[] = [];
  const disk = new DiskRoom(config);
  let endHold = (): void => undefined;
  let endUpkeep = async (): Promise<void> => undefined;
  const state = { stopping: false };
  let heartbeat: NodeJS.Timeout | undefined;
  let id: string | undefined;

  const stop = async (reason: string): Promise<void> => {
    if (state.stopping) return;
    state.stopping = true;
    log.info({ reason }, 'stopping');
    clearInterval(heartbeat);
    endHold();
    if (id) await retire(redis, config.keyPrefix, id).catch(() => undefined);
    await within(DRAIN_MS, Promise.all([drain(queues), endUpkeep()]));
    await Promise.all([...engines.values()].map((engine) => engine.close(500)));
    await within(TELL_MS, Promise.allSettled([tell(), tracing.close()]));
    redis.disconnect();
    queueRedis.disconnect();
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  const warmed = await Promise.all(
    ENGINE_ROLES.filter((role) => config.roles.includes(role)).map(async (role) => {
      const onCrash = (reason: string): void => {
        tally.count('latentmorph_engine_restarts_total', {});
        log.error({ role, reason }, 'engine lost');
      };
      const engine = new EngineClient({ onCrash });
      engines.set(role, engine);
      const info = await engine.call('warm', { role });
      log.info({ role, ...info }, 'engine ready');
      return { role, engine, info };
    }),
  ).catch((error: unknown) => {
    // Stopping during the warm-up closes the engines under their calls.
    if (state.stopping) return [];
    throw error;
  });
  if (state.stopping) return;

  const worker = describeWorker(config, warmed);
  const { batch } = config;
  const onSeconds = (seconds: number): void => {
    const { secondsPerJob = seconds } = worker;
    worker.secondsPerJob = secondsPerJob + LATEST_SHARE * (seconds - secondsPerJob);
  };
  const onBatch = (chosen: BatchInfo): void => {
    worker.batch = chosen;
  };
  const connection = { connection: queueRedis, prefix: config.keyPrefix };
  for (const { role, engine, info } of warmed) {
    const queue =
      role === 'embed'
        ? await embedWorker(
            { records, usage, blobs, engine, info, log, state, batch, onBatch, onSeconds, tracing, tally },
            connection,
          )
        : renderWorker({ blobs, engine, latents, log, tracing, tally }, connection);
    queue.on('error', (error) => log.warn({ err: error, role }, 'queue'));
    queues.push(queue);
    void queue.run();
    if (role === 'embed') endHold = holdWhileLow(queue, disk, log);
  }

  if (config.roles.includes('upkeep')) endUpkeep = upkeep({ records, blobs, redis, log }, config, onError);
  id = worker.id;
  const beat = async (): Promise<void> => {
    await announce(redis, config.keyPrefix, worker).catch(onError);
    await tell();
  };
  beginSeries(tally);
  await beat();
  heartbeat = setInterval(() => void beat(), HEARTBEAT_EVERY_MS);
  log.info({ id, roles: config.roles }, 'ready');
}

/** Starts what is done beside jobs. The function that is returned ends it. */
function upkeep(
  { redis, ...deps }: { records: Records; blobs: SweptBlobStore; redis: Redis; log: Logger },
  config: Config,
  onError: (error: Error) => void,
): () => Promise<void> {
  const { redisUrl, keyPrefix, renderCacheBytes } = config;
  const jobs = new Queues(redisUrl!, keyPrefix, onError);
  const pending = new Pending(redis, keyPrefix);
  const leftovers = new Leftovers(redis, keyPrefix, join(config.dataDir, 'blobs'));
  const audit = new Audit(redis, keyPrefix);
  const all = [
    ...chores({ ...deps, jobs, pending, leftovers, audit, renderCacheBytes }),
    ...webhookChores({ ...deps, redis, config }),
  ];
  const end = startUpkeep(all, deps.log);
  return async () => {
    await end();
    await jobs.close();
  };
}

/** Long jobs go back to their queue at once, since no patience suffices for them; short ones are finished. */
async function drain(queues: readonly Worker[]): Promise<void> {
  const closing = queues.map((queue) => queue.close());
  for (const queue of queues) if (queue.name === EMBED_QUEUE) queue.cancelAllJobs('the worker is stopping');
  await Promise.allSettled(closing);
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  const timeout = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    patience.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  await Promise.race([work, timeout]);
  patience.abort();
}

function describeWorker(
  { roles }: Config,
  warmed: readonly { role: EngineRole; info: EngineInfo }[],
): WorkerInfo {
  const first = warmed[0]?.info;
  return {
    id: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    roles: [...roles],
    ...(first && { device: first.device, generator: first.generator }),
    warmUpMs: Object.fromEntries(warmed.map(({ role, info }) => [role, info.warmUpMs])),
  };
}

const config = loadConfig();
const log = createJobLog('worker', config.logLevel);
main(config, log).catch((error) => {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'start failed');
  process.exit(1);
});
