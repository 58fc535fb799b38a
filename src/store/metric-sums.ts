/**
 * Sums of what all workers have counted. They live in Redis, so that they only ever grow: a worker that ends, however it
 * ends, takes nothing away, and one that starts begins no series anew.
 */
import type { Redis } from 'ioredis';
import type { Sample } from '../metrics/catalogue.js';
import { reachable } from './redis.js';

/** To be raised where buckets or labels change: sums of two kinds do not mix. */
const VERSION = 1;

export class MetricSums {
  readonly #key: string;

  constructor(
    private readonly redis: Redis,
    prefix: string,
  ) {
    this.#key = `${prefix}:metrics:${VERSION}`;
  }

  /** Adds all or nothing; a value of 0 begins its series. */
  async add(samples: readonly Sample[]): Promise<void> {
    const all = this.redis.multi();
    for (const sample of samples) all.hincrbyfloat(this.#key, fieldOf(sample), sample.value);
    await reachable(all.exec());
  }

  async read(): Promise<Sample[]> {
    const fields = await reachable(this.redis.hgetall(this.#key));
    return Object.entries(fields).map(([field, value]) => {
      const [name, labels] = JSON.parse(field) as [string, Record<string, string>];
      return { name, labels, value: Number(value) };
    });
  }
}

/** One field for one series, in whatever order its labels come. */
const fieldOf = ({ name, labels }: Sample): string =>
  JSON.stringify([name, Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))]);
