/** Seconds that devices worked for each tenant, by day (UTC). */
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

/** Seconds for which a day is kept. */
const KEPT = 40 * 86_400;

export class Usage {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** Counts seconds to the day in which they ended. */
  async add(tenant: string, seconds: number, at: Date): Promise<void> {
    const key = this.key(at);
    await reachable(this.redis.multi().hincrbyfloat(key, tenant, seconds).expire(key, KEPT).exec());
  }

  /** Seconds of the day of that moment so far. */
  async ofDay(tenant: string, at: Date): Promise<number> {
    return Number((await reachable(this.redis.hget(this.key(at), tenant))) ?? 0);
  }

  private key(at: Date): string {
    return `${this.prefix}:usage:${at.toISOString().slice(0, 10)}`;
  }
}
