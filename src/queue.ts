/** Producers of the two BullMQ queues: `embed`, long and durable, and `render`, short jobs that a request waits for. */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { AppError, ERRORS, type ErrorCode } from './errors.js';
import type { EmbedJob, RenderJob } from './jobs.js';
import type { Priority } from './request-tags.js';
import { connectRedis, IN_REQUESTS, reachable, ready } from './store/redis.js';
import { RenderPlaces } from './store/render-places.js';
import { NO_TRACING, type Tracing } from './tracing/tracing.js';
import { type Carried, carrying } from './trail.js';

export const EMBED_QUEUE = 'embed';
export const RENDER_QUEUE = 'render';

/** Events are hints that may be trimmed or missed while reconnecting, so a waiting request also looks at the job. */
const LOOK_AGAIN_MS = 250;
const CLOSE_WITHIN_MS = 1_000;
/** Most requests of a process that wait for renders, the same ones or others: each looks at its job again and again. */
const MAX_WAITING_REQUESTS = 500;
/** Milliseconds that a render is thought to take until one was seen, and how much each one seen counts. */
const RENDER_MS = 300;
const RENDER_MS_SHARE = 0.1;

/** BullMQ takes the lowest first, and a job without one before all others. */
const PRIORITY: Readonly<Record<Priority, number>> = { high: 1, normal: 10, low: 100 };

/** What the HTTP routes need of the queues. */
export interface JobQueues {
  /** Adds the embeddings all together or not at all. Those that are there already stay as they are. */
  enqueueEmbed(...jobs: { id: string; priority?: Priority | undefined }[]): Promise<void>;
  /** Number of jobs before this one; undefined when it does not wait. */
  position(id: string): Promise<number | undefined>;
  /** Takes a waiting job back; false when it runs already or is unknown. */
  cancelEmbed(id: string): Promise<boolean>;
  /**
   * Forgets renders, whose jobs name latents and hold landmarks: takes back those that wait and deletes what is known of
   * the finished ones. False when a worker is at one of them.
   */
  dropRenders(keys: readonly string[]): Promise<boolean>;
  /**
   * Adds a job, or joins the same render in flight, and waits for its result. `BUSY` when too many wait already or time
   * is up.
   */
  render(job: RenderJob, timeoutMs: number): Promise<unknown>;
  /** How many jobs are in which state. */
  depths(): Promise<Depth[]>;
  /** The queues themselves, for a dashboard. */
  all(): Queue[];
}

const STATES = ['waiting', 'active', 'delayed', 'failed'] as const;

export interface Depth {
  queue: string;
  state: (typeof STATES)[number];
  jobs: number;
}

export class Queues implements JobQueues {
  private readonly redis: Redis;
  private readonly eventsRedis: Redis;
  private readonly embedQueue: Queue<Carried<EmbedJob>>;
  private readonly renderQueue: Queue<Carried<RenderJob>>;
  private renderEvents: QueueEvents | undefined;
  private readonly places: RenderPlaces;
  /** Requests that wait for renders. */
  private waiting = 0;
  /** Running mean of the time of a render, in milliseconds. */
  private renderMs = RENDER_MS;
  /** Tells the waiting requests that the job of that id has finished. */
  private readonly hints = new EventEmitter();

  constructor(
    redisUrl: string,
    prefix: string,
    onError: (error: Error) => void = () => {},
    private readonly tracing: Tracing = NO_TRACING,
  ) {
    this.redis = connectRedis(redisUrl, onError, IN_REQUESTS);
    // Blocking reads last longer than any command timeout and are resumed after a reconnect.
    this.eventsRedis = new Redis(redisUrl, { maxRetriesPerRequest: null });
    this.eventsRedis.on('error', onError);
    this.embedQueue = new Queue(EMBED_QUEUE, { connection: this.redis, prefix });
    this.renderQueue = new Queue(RENDER_QUEUE, { connection: this.redis, prefix });
    this.places = new RenderPlaces(this.redis, {
      waiting: this.renderQueue.toKey('wait'),
      places: `${prefix}:render-places`,
      job: this.renderQueue.toKey(''),
    });
    this.embedQueue.on('error', onError);
    this.renderQueue.on('error', onError);
    // One listener per waiting request, all on the job they share.
    this.hints.setMaxListeners(0);
    this.redis.once('ready', () => this.listen(prefix, onError));
  }

  /** Resolves when jobs can be added. */
  ready(timeoutMs: number): Promise<void> {
    return ready(this.redis, timeoutMs);
  }

  async enqueueEmbed(...wanted: { id: string; priority?: Priority | undefined }[]): Promise<void> {
    const jobs = () =>
      wanted.map(({ id, priority = 'normal' }) => ({
        name: EMBED_QUEUE,
        data: carrying({ id }),
        opts: {
          jobId: id,
          priority: PRIORITY[priority],
          attempts: 2,
          backoff: { type: 'exponential', delay: 1_000 },
          removeOnComplete: true,
          removeOnFail: { age: 24 * 3600, count: 1_000 },
        },
      }));
    await this.send(EMBED_QUEUE, () => this.embedQueue.addBulk(jobs()));
  }

  async position(id: string): Promise<number | undefined> {
    // Every job has a priority, so that all that wait are in this one sorted set.
    const rank = await this.command(() => this.redis.zrank(this.embedQueue.toKey('prioritized'), id));
    return rank ?? undefined;
  }

  /** Where the job of an embedding is; `ended`: it was done or given up. */
  async embedState(id: string): Promise<'waiting' | 'active' | 'ended' | 'unknown'> {
    const state = await this.command(() => this.embedQueue.getJobState(id));
    if (state === 'unknown' || state === 'active') return state;
    return state === 'completed' || state === 'failed' ? 'ended' : 'waiting';
  }

  async cancelEmbed(id: string): Promise<boolean> {
    const state = await this.command(() => this.embedQueue.getJobState(id));
    if (state === 'unknown' || state === 'active') return false;
    return this.command(async () => (await this.embedQueue.remove(id)) === 1);
  }

  async dropRenders(keys: readonly string[]): Promise<boolean> {
    const dropped = await Promise.all(
      keys.map(async (key) => {
        const state = await this.command(() => this.renderQueue.getJobState(key));
        if (state === 'unknown' || state === 'active') return state === 'unknown';
        return this.command(async () => (await this.renderQueue.remove(key)) === 1);
      }),
    );
    return dropped.every(Boolean);
  }

  async render(job: RenderJob, timeoutMs: number): Promise<unknown> {
    if (this.waiting >= MAX_WAITING_REQUESTS)
      throw new AppError('BUSY', { detail: 'Too many requests wait for renders; try again in a moment.' });
    const jobId = 'key' in job ? job.key : randomUUID();
    this.waiting++;
    try {
      if (!(await this.isUnderWay(jobId))) await this.addRender(jobId, job);
      return await this.rendered(jobId, job, timeoutMs);
    } finally {
      this.waiting--;
    }
  }

  private async rendered(jobId: string, job: RenderJob, timeoutMs: number): Promise<unknown> {
    try {
      return await this.outcome(jobId, timeoutMs);
    } finally {
      // Nobody else waits for the faces of a photo, and nothing of them is kept; a late render is worth having in the cache.
      if (!('key' in job)) await this.renderQueue.remove(jobId).catch(() => 0);
    }
  }

  async depths(): Promise<Depth[]> {
    const depths = await Promise.all(
      this.all().map(async (queue) => {
        const { prioritized = 0, ...counts } = await this.command(() =>
          queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
        );
        // Every embedding has a priority, which BullMQ counts apart.
        const waiting = (counts.waiting ?? 0) + prioritized;
        return STATES.map((state) => ({
          queue: queue.name,
          state,
          jobs: state === 'waiting' ? waiting : (counts[state] ?? 0),
        }));
      }),
    );
    return depths.flat();
  }

  all(): Queue[] {
    return [this.embedQueue, this.renderQueue];
  }

  async close(): Promise<void> {
    const closing = [this.renderEvents?.close(), this.embedQueue.close(), this.renderQueue.close()];
    // Without Redis BullMQ waits for its connections; ending them below is then all there is to do.
    await Promise.race([Promise.allSettled(closing), sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    this.redis.disconnect();
    this.eventsRedis.disconnect();
  }

  /** Whether the job waits or runs. A finished one is dropped: it would swallow an `add`, although its blob may be gone. */
  private async isUnderWay(jobId: string): Promise<boolean> {
    const state = await this.command(() => this.renderQueue.getJobState(jobId));
    if (state === 'completed' || state === 'failed') await this.command(() => this.renderQueue.remove(jobId));
    else return state !== 'unknown';
    return false;
  }

  private async addRender(jobId: string, job: RenderJob): Promise<void> {
    const keep = { age: 60, count: 1_000 };
    const options = { jobId, removeOnComplete: keep, removeOnFail: keep };
    const add = () => this.send(RENDER_QUEUE, () => this.renderQueue.add(job.kind, carrying(job), options));
    await this.command(() => this.places.through(jobId, add, this.renderMs));
  }

  /** Made after the first connection: BullMQ duplicates it, and a duplicate that never connects cannot be closed. */
  private listen(prefix: string, onError: (error: Error) => void): void {
    const events = new QueueEvents(RENDER_QUEUE, { connection: this.eventsRedis, prefix });
    events.on('error', onError);
    events.on('completed', ({ jobId }) => this.hints.emit(jobId));
    events.on('failed', ({ jobId }) => this.hints.emit(jobId));
    this.renderEvents = events;
  }

  private outcome(jobId: string, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(deadline);
        clearInterval(again);
        this.hints.off(jobId, look);
        finish();
      };
      const look = async () => {
        // Redis may be away for a moment: the deadline decides.
        const job = await this.renderQueue.getJob(jobId).catch(() => undefined);
        if (!job?.finishedOn) return;
        this.learn(job.finishedOn - (job.processedOn ?? job.finishedOn));
        if (job.failedReason) settle(() => reject(fromFailure(job.failedReason)));
        else settle(() => resolve(job.returnvalue));
      };
      const tooLate = new AppError('BUSY', {
        detail: `No worker finished within ${timeoutMs / 1000} s; try again.`,
      });
      const deadline = setTimeout(() => settle(() => reject(tooLate)), timeoutMs);
      const again = setInterval(look, LOOK_AGAIN_MS);
      this.hints.on(jobId, look);
      void look();
    });
  }

  private learn(ms: number): void {
    this.renderMs += RENDER_MS_SHARE * (ms - this.renderMs);
  }

  /** Adds jobs, in a span that theirs are below. */
  private async send(queue: string, add: () => Promise<unknown>): Promise<void> {
    const attributes = {
      'messaging.system': 'bullmq',
      'messaging.operation.type': 'send',
      'messaging.destination.name': queue,
    };
    await this.tracing.span(`send ${queue}`, { kind: 'producer', attributes }, () => this.command(add));
  }

  /** Runs a Redis command of BullMQ, which would wait for ever for a connection that was never made. */
  private async command<T>(work: () => Promise<T>): Promise<T> {
    if (this.redis.status !== 'ready') {
      throw new AppError('UNAVAILABLE', { detail: 'The queue is out of reach; try again.' });
    }
    return reachable(work());
  }
}

/** What a job fails with: BullMQ carries one string, which this fills with the public face of an error. */
export function toFailure(error: unknown): string {
  const known = error instanceof AppError ? error : new AppError('INTERNAL', { cause: error });
  return JSON.stringify({ code: known.code, detail: known.detail, extra: known.extra });
}

/** The error behind a failed job. A reason of BullMQ itself (a stalled job) means that its process died. */
export function fromFailure(reason: string): AppError {
  try {
    const { code, detail, extra } = JSON.parse(reason);
    if (isErrorCode(code)) return new AppError(code, { detail, extra, cause: reason });
  } catch {
    // Not written by `toFailure`.
  }
  return new AppError('ENGINE_FAILED', {
    detail: 'The process that worked on this job was lost.',
    cause: reason,
  });
}

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(ERRORS, code);
