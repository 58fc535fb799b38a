/** The consumer of the queue `embed`: as many photos at a time as are worth it, and every end recorded. */
import { type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { BatchSetting } from '../config.js';
import type { Recovery } from '../contracts.js';
import type { EngineInfo } from '../engine/protocol.js';
import { AppError } from '../errors.js';
import type { EmbedJob } from '../jobs.js';
import { EMBED_QUEUE, toFailure } from '../queue.js';
import type { BlobStore } from '../store/blobs.js';
import { dropPhotos } from '../store/erase.js';
import type { Records } from '../store/records.js';
import type { Usage } from '../store/usage.js';
import type { BatchInfo } from '../store/workers.js';
import { BatchSizing } from './batch-sizing.js';
import { Batcher } from './batcher.js';
import { DeviceClock } from './device-clock.js';
import { embed } from './embed.js';
import type { EngineClient } from './engine-client.js';
import { publicError, QUEUE_OPTIONS, refuse } from './job-boundary.js';

export interface EmbedContext {
  records: Records;
  usage: Usage;
  blobs: BlobStore;
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

/** Resolves when it knows how many photos to take at a time; the caller runs it. */
export async function embedWorker(
  context: EmbedContext,
  connection: { connection: Redis; prefix: string },
): Promise<Worker<EmbedJob>> {
  const { records, usage, blobs, engine, info, log, state, onBatch } = context;
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
  const failed = async ({ data: { id }, attemptsStarted }: Job<EmbedJob>, error: AppError): Promise<void> => {
    await records.fail(id, attemptsStarted, { code: error.code, detail: error.message });
    await dropPhotos({ records, blobs }, id);
  };

  const tenantOf = (id: string): Promise<string | undefined> =>
    records.get(id).then(
      (record) => record?.tenant,
      () => undefined,
    );
  const clock = new DeviceClock(() => performance.now() / 1000);
  const onUsageLost = (error: unknown): void => log.warn({ err: error }, 'usage not counted');
  const queue = new Worker<EmbedJob>(
    EMBED_QUEUE,
    async (job, token, signal) => {
      const begun = performance.now();
      const used = clock.start();
      const tenant = await tenantOf(job.data.id);
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
        await dropPhotos({ records, blobs }, payload.id);
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
      } finally {
        const seconds = used();
        if (tenant) await usage.add(tenant, seconds, new Date()).catch(onUsageLost);
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
