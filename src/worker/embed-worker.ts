/** The consumer of the queue `embed`: as many photos at a time as are worth it, and every end recorded. */
import { DelayedError, type Job, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { BatchSetting } from '../config.js';
import type { Recovery } from '../contracts.js';
import type { EngineInfo } from '../engine/protocol.js';
import { AppError, type ErrorCode } from '../errors.js';
import type { EmbedJob } from '../jobs.js';
import { EMBED_QUEUE } from '../queue.js';
import type { BlobStore } from '../store/blobs.js';
import { dropPhotos } from '../store/erase.js';
import type { Records } from '../store/records.js';
import type { Usage } from '../store/usage.js';
import type { BatchInfo } from '../store/workers.js';
import type { Carried } from '../trail.js';
import { BatchSizing } from './batch-sizing.js';
import { Batcher } from './batcher.js';
import { DeviceClock } from './device-clock.js';
import { type EmbedOutcome, embed } from './embed.js';
import type { Engine } from './engine-client.js';
import { publicError, QUEUE_OPTIONS, refuse } from './job-boundary.js';
import { type Observers, observed, traced } from './observed.js';
import { timed } from './step-time.js';

type EmbedJobOf = Job<Carried<EmbedJob>>;

const OUTAGES: readonly string[] = ['UNAVAILABLE', 'STORAGE_LOW'] satisfies ErrorCode[];
/** Milliseconds after which a job is begun again that met an outage. */
const OUTAGE_PAUSE_MS = 5_000;
/** Deliveries of a job after which an outage is a failure like any other: some five minutes of them. */
const OUTAGES_BORNE = 60;

export interface EmbedContext extends Observers {
  records: Records;
  usage: Usage;
  blobs: BlobStore;
  engine: Engine;
  info: EngineInfo;
  log: Logger;
  state: { stopping: boolean };
  batch: BatchSetting;
  /** Hears how many photos the worker projects at a time, now and whenever that changes. */
  onBatch: (batch: BatchInfo) => void;
  /** Hears how long each embedding took that succeeded. */
  onSeconds: (seconds: number) => void;
  outagePauseMs?: number;
}

/** Resolves when it knows how many photos to take at a time; the caller runs it. */
export async function embedWorker(
  context: EmbedContext,
  connection: { connection: Redis; prefix: string },
): Promise<Worker<Carried<EmbedJob>>> {
  const { records, usage, blobs, engine, info, log, state, onBatch, tracing, tally } = context;
  const { device } = info;
  const choose = (choice: BatchInfo): void => {
    log.info(choice, 'photos at a time');
    batcher.limit = choice.size;
    queue.concurrency = choice.size;
    onBatch(choice);
  };
  const onStep = (ms: number): void => tally.observe('latentmorph_step_seconds', { device }, ms / 1000);
  const batcher = new Batcher(
    timed(engine, () => performance.now(), onStep),
    {
      limit: 1,
      onShrink: (size, error) => {
        log.warn({ err: error }, 'a batch failed whose photos can be projected alone');
        choose({ size, why: 'failed', speeds: [] });
      },
    },
  );
  const sizing = new BatchSizing(engine, {
    setting: context.batch,
    device,
    onChoice: choose,
    onError: (error) => {
      if (!state.stopping) log.warn({ err: error }, 'batch sizes were not measured');
    },
  });
  const deps = {
    records,
    blobs,
    engine: traced(engine, tracing),
    project: batcher.project.bind(batcher),
    generator: info.generator,
    device,
    tracing,
  };
  const ended = (outcome: EmbedOutcome | 'failed'): void =>
    tally.count('latentmorph_embeddings_total', { outcome });
  const failed = async ({ data: { id }, attemptsStarted }: EmbedJobOf, error: AppError): Promise<void> => {
    const first = await records.fail(id, attemptsStarted, { code: error.code, detail: error.message });
    if (first) ended('failed');
    await dropPhotos({ records, blobs }, id);
  };

  const tenantOf = (id: string): Promise<string | undefined> =>
    records.get(id).then(
      (record) => record?.tenant,
      () => undefined,
    );
  const clock = new DeviceClock(() => performance.now() / 1000);
  const onUsageLost = (error: unknown): void => log.warn({ err: error }, 'usage not counted');
  const work = async (job: EmbedJobOf, token?: string, signal?: AbortSignal): Promise<void> => {
    const begun = performance.now();
    const used = clock.start();
    sizing.jobBegan();
    const tenant = await tenantOf(job.data.id);
    try {
      const payload = { id: job.data.id, attempt: job.attemptsStarted };
      const aborted = signal ?? new AbortController().signal;
      const onRecovery = (recovery: Recovery): void =>
        log.warn({ ...payload, ...recovery }, 'a projection went wrong and was taken back');
      const outcome = await embed({ ...deps, clock: () => performance.now(), onRecovery }, payload, aborted);
      await dropPhotos({ records, blobs }, payload.id);
      log.info({ ...payload, outcome }, 'embedding ended');
      ended(outcome);
      if (outcome === 'succeeded') context.onSeconds((performance.now() - begun) / 1000);
      sizing.jobEnded();
    } catch (error) {
      if (state.stopping) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      const known = publicError(error);
      // Redis or the blob store was away, or full: that is no fault of the photo, and costs no attempt.
      if (OUTAGES.includes(known.code) && job.attemptsStarted < OUTAGES_BORNE) {
        log.warn({ err: error, job: job.id, attempt: job.attemptsStarted }, 'job put off');
        await job.moveToDelayed(Date.now() + (context.outagePauseMs ?? OUTAGE_PAUSE_MS), token);
        throw new DelayedError();
      }
      const isFinal = !known.retryable || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
      if (isFinal) await failed(job, known);
      refuse(error, log, job, isFinal);
    } finally {
      const seconds = used();
      if (tenant) {
        tally.count('latentmorph_device_seconds_total', { tenant, device }, seconds);
        await usage.add(tenant, seconds, new Date()).catch(onUsageLost);
      }
    }
  };
  const queue = new Worker<Carried<EmbedJob>>(
    EMBED_QUEUE,
    (job, token, signal) => observed(context, job, () => work(job, token, signal)),
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
