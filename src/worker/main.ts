/** Worker process: takes jobs from the queues of its roles and has its engines work on them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { type Logger, pino } from 'pino';
import { type BatchSetting, type Config, ENGINE_ROLES, type EngineRole, loadConfig } from '../config.js';
import type { Recovery } from '../contracts.js';
import type { EngineInfo } from '../engine/protocol.js';
import { AppError } from '../errors.js';
import type { EmbedJob, RenderJob } from '../jobs.js';
import { readManifest } from '../models/manifest.js';
import { EMBED_QUEUE, RENDER_QUEUE, toFailure } from '../queue.js';
import { RENDERS } from '../store/blob-keys.js';
import { FileBlobStore } from '../store/blobs.js';
import { Records } from '../store/records.js';
import { connectRedis, ready } from '../store/redis.js';
import { announce, type BatchInfo, HEARTBEAT_EVERY_MS, retire, type WorkerInfo } from '../store/workers.js';
import { BatchSizing } from './batch-sizing.js';
import { Batcher } from './batcher.js';
import { embed } from './embed.js';
import { EngineClient } from './engine-client.js';
import { Latents } from './latents.js';
import { render } from './render.js';
import { type Chore, startUpkeep } from './upkeep.js';
import { webhookChores } from './webhook-chores.js';

/** BullMQ renews a lock at half its duration; a job whose worker died is delivered once more. */
const QUEUE_OPTIONS = { lockDuration: 30_000, stalledInterval: 30_000, maxStalledCount: 1, autorun: false };
/** Requests in flight are few and the engine serves one at a time: the next latents are read meanwhile. */
const RENDER_CONCURRENCY = 2;
/** How long a finished render is kept, and how often too old or too many of them are looked for. */
const RENDERS_KEPT_MS = 7 * 24 * 3_600_000;
const SWEEP_EVERY_MS = 600_000;
/** How long short jobs may take to finish when the process is told to stop. */
const DRAIN_MS = 5_000;
/** How much the latest job counts in the running mean of their seconds. */
const LATEST_SHARE = 0.2;

async function main(config: Config, log: Logger): Promise<void> {
  if (!config.redisUrl) {
    throw new Error('REDIS_URL is not set. A worker alone needs a Redis; `npm start` brings its own.');
  }
  if (ENGINE_ROLES.some((role) => config.roles.includes(role))) await readManifest(config.modelsDir);
  const onError = (error: Error): void => log.warn({ err: error }, 'redis');
  const redis = connectRedis(config.redisUrl, onError);
  await ready(redis, 10_000);
  const queueRedis = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
  queueRedis.on('error', onError);

  const blobs = new FileBlobStore(join(config.dataDir, 'blobs'));
  const records = new Records(redis, config.keyPrefix);
  const latents = new Latents(blobs);
  const engines = new Map<EngineRole, EngineClient>();
  const queues: Worker[] = [];
  let endUpkeep = async (): Promise<void> => undefined;
  const state = { stopping: false };
  let heartbeat: NodeJS.Timeout | undefined;
  let id: string | undefined;

  const stop = async (reason: string): Promise<void> => {
    if (state.stopping) return;
    state.stopping = true;
    log.info({ reason }, 'stopping');
    clearInterval(heartbeat);
    if (id) await retire(redis, config.keyPrefix, id).catch(() => undefined);
    await within(DRAIN_MS, Promise.all([drain(queues), endUpkeep()]));
    await Promise.all([...engines.values()].map((engine) => engine.close(500)));
    redis.disconnect();
    queueRedis.disconnect();
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  const warmed = await Promise.all(
    ENGINE_ROLES.filter((role) => config.roles.includes(role)).map(async (role) => {
      const engine = new EngineClient({ onCrash: (reason) => log.error({ role, reason }, 'engine lost') });
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
            { records, blobs, engine, info, log, state, batch, onBatch, onSeconds },
            connection,
          )
        : new Worker<RenderJob>(
            RENDER_QUEUE,
            (job) => render({ blobs, engine, latents }, job.data).catch((error) => refuse(error, log, job)),
            { ...QUEUE_OPTIONS, ...connection, concurrency: RENDER_CONCURRENCY },
          );
    queue.on('error', (error) => log.warn({ err: error, role }, 'queue'));
    queues.push(queue);
    void queue.run();
  }

  if (config.roles.includes('upkeep')) {
    const chores = [sweepRenders(blobs, config, log), ...webhookChores({ redis, records, config, log })];
    endUpkeep = startUpkeep(chores, log);
  }
  id = worker.id;
  const beat = (): Promise<void> => announce(redis, config.keyPrefix, worker).catch(onError);
  await beat();
  heartbeat = setInterval(() => void beat(), HEARTBEAT_EVERY_MS);
  log.info({ id, roles: config.roles }, 'ready');
}

/** Keeps the finished renders within their limits. */
const sweepRenders = (blobs: FileBlobStore, { renderCacheBytes }: Config, log: Logger): Chore => ({
  name: 'sweep renders',
  everyMs: SWEEP_EVERY_MS,
  run: async () => {
    const swept = await blobs.sweep(RENDERS, { maxBytes: renderCacheBytes, maxAge: RENDERS_KEPT_MS });
    if (swept.deleted > 0) log.info(swept, 'renders swept');
  },
});

interface EmbedContext {
  records: Records;
  blobs: FileBlobStore;
  engine: EngineClient;
  info: EngineInfo;
  log: Logger;
  state: { stopping: boolean };
  batch: BatchSetting;
  /** Hears how many photos the worker projects at a time, now and whenever that changes. */
  onBatch: (batch: BatchInfo) => void;
  /** Hears how long each embedding took that succeeded. */
  onSeconds: (seconds: number) => void;
}

async function embedWorker(
  context: EmbedContext,
  connection: { connection: Redis; prefix: string },
): Promise<Worker<EmbedJob>> {
  const { records, blobs, engine, info, log, state, onBatch } = context;
  const choose = (choice: BatchInfo): void => {
    log.info(choice, 'photos at a time');
    batcher.limit = choice.size;
    queue.concurrency = choice.size;
    onBatch(choice);
  };
  const batcher = new Batcher(engine, {
    limit: 1,
    onShrink: (size, error) => {
      log.warn({ err: error }, 'a batch failed whose photos can be projected alone');
      choose({ size, why: 'failed', speeds: [] });
    },
  });
  const sizing = new BatchSizing(engine, {
    setting: context.batch,
    device: info.device,
    onChoice: choose,
    onError: (error) => {
      if (!state.stopping) log.warn({ err: error }, 'batch sizes were not measured');
    },
  });
  const deps = {
    records,
    blobs,
    engine,
    project: batcher.project.bind(batcher),
    generator: info.generator,
    device: info.device,
  };
  const failed = (job: Job<EmbedJob>, error: AppError): Promise<boolean> =>
    records.fail(job.data.id, job.attemptsStarted, { code: error.code, detail: error.message });

  const queue = new Worker<EmbedJob>(
    EMBED_QUEUE,
    async (job, token, signal) => {
      const begun = performance.now();
      try {
        const payload = { id: job.data.id, attempt: job.attemptsStarted };
        const aborted = signal ?? new AbortController().signal;
        const onRecovery = (recovery: Recovery): void =>
          log.warn({ ...payload, ...recovery }, 'a projection went wrong and was taken back');
        const outcome = await embed(
          { ...deps, clock: () => performance.now(), onRecovery },
          payload,
          aborted,
        );
        log.info({ ...payload, outcome }, 'embedding ended');
        if (outcome === 'succeeded') context.onSeconds((performance.now() - begun) / 1000);
        sizing.jobEnded();
      } catch (error) {
        if (state.stopping) {
          await job.moveToWait(token);
          throw new WaitingError();
        }
        const known = publicError(error);
        if (!known.retryable || job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) {
          await failed(job, known);
          refuse(new UnrecoverableError(toFailure(known)), log, job);
        }
        refuse(error, log, job);
      }
    },
    { ...QUEUE_OPTIONS, ...connection, concurrency: 1 },
  );
  // A job that stalled too often fails without its processor being called.
  queue.on('failed', (job) => {
    if (!job?.finishedOn) return;
    const lost = new AppError('ENGINE_FAILED', {
      detail: 'The worker was lost twice; post the photo again.',
    });
    failed(job, lost).catch((error) => log.error({ err: error, id: job.data.id }, 'failure not recorded'));
  });
  queue.on('drained', () => sizing.idle());
  await sizing.begin();
  return queue;
}

const publicError = (error: unknown): AppError =>
  error instanceof AppError ? error : new AppError('INTERNAL', { cause: error });

/** Fails a job: the log gets the whole error, the queue its public face. */
function refuse(error: unknown, log: Logger, job: Job): never {
  log.warn({ err: error, queue: job.queueName, job: job.id, attempt: job.attemptsStarted }, 'job failed');
  if (error instanceof UnrecoverableError) throw error;
  const known = publicError(error);
  const reason = toFailure(known);
  throw known.retryable ? new Error(reason) : new UnrecoverableError(reason);
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
const log = pino({ name: 'worker', level: config.logLevel });
main(config, log).catch((error) => {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'start failed');
  process.exit(1);
});
