/** What is still to be done about embeddings beside their jobs, as the scripts of `Records` note it down. */
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

export class Pending {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Ids whose retention has ended, the earliest first. */
  overdue(limit: number): Promise<string[]> {
    return this.upTo('expiring', this.now().getTime(), limit);
  }

  /** Ids of embeddings that have not come to an end since they were created so many milliseconds ago, or earlier; the earliest first. */
  unfinished(ageMs: number, limit: number): Promise<string[]> {
    return this.upTo('unfinished', this.now().getTime() - ageMs, limit);
  }

  /** Ids of deletions that began and have not ended. */
  deletions(): Promise<string[]> {
    return reachable(this.redis.hkeys(`${this.prefix}:deleting`));
  }

  /** Ids of finished embeddings of which only the latent is to be stored, and whose photos may still be there. */
  photos(): Promise<string[]> {
    return reachable(this.redis.smembers(`${this.prefix}:dropping`));
  }

  private upTo(list: string, score: number, limit: number): Promise<string[]> {
    return reachable(this.redis.zrangebyscore(`${this.prefix}:${list}`, '-inf', score, 'LIMIT', 0, limit));
  }
}
