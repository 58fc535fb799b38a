/** Looks past the service at the records, and tells how long embeddings stood still after an attempt was lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const EVERY_MS = 200;

interface Sign {
  attempt: number;
  /** What changes while an attempt gets on. */
  text: string;
  at: number;
}

export class Watcher {
  /** Seconds from the last sign of a lost attempt to the first one of the next, or to the end of the embedding. */
  readonly recoveries: number[] = [];
  readonly #redis: Redis;
  readonly #signs = new Map<string, Sign>();

  constructor(
    redisUrl: string,
    private readonly prefix: string,
  ) {
    this.#redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, retryStrategy: () => 200 });
    this.#redis.on('error', () => undefined);
  }

  /** Until `isOver`. What is missed while Redis is away counts to the recovery. */
  async watch(isOver: () => boolean): Promise<void> {
    for (; !isOver(); await sleep(EVERY_MS)) await this.#look().catch(() => undefined);
    this.#redis.disconnect();
  }

  async #look(): Promise<void> {
    const ids = await this.#redis.zrange(`${this.prefix}:unfinished`, 0, '-1');
    for (const id of new Set([...ids, ...this.#signs.keys()])) {
      const [state, attempt, progress, blobs] = await this.#redis.hmget(
        `${this.prefix}:embedding:${id}`,
        ...['state', 'attempt', 'progress', 'blobs'],
      );
      this.#see(id, state ?? undefined, Number(attempt), `${progress} ${blobs}`);
    }
  }

  #see(id: string, state: string | undefined, attempt: number, text: string): void {
    const now = performance.now();
    const before = this.#signs.get(id);
    const isLost = before !== undefined && (attempt > before.attempt || state === '"failed"');
    if (isLost && before.attempt > 0) this.recoveries.push((now - before.at) / 1000);
    if (state !== '"queued"' && state !== '"running"') this.#signs.delete(id);
    else if (!before || before.attempt !== attempt || before.text !== text)
      this.#signs.set(id, { attempt, text, at: now });
  }
}
