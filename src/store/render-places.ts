/**
 * Bounds how many renders wait, over all API processes: who would add one first takes a place, in one step with the look at
 * those that wait. A place that a lost process keeps is free after seconds.
 */
import type { Redis } from 'ioredis';
import { AppError } from '../errors.js';
import { reachable } from './redis.js';

/** Most renders that wait: what one CPU worker does in some 20 seconds, of which a request waits 30 at most. */
const MAX_WAITING = 64;
/** Milliseconds after which a place is free again: far longer than it takes to add a job. */
const KEPT = 5_000;

/**
 * KEYS: list of what waits, places. ARGV: most, job, milliseconds, prefix of jobs. Returns how many wait or will in a moment
 * where there is no place, else -1. A place whose job has been added is none any more.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local waiting = redis.call('LLEN', KEYS[1])
for _, job in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  waiting = waiting + 1 - redis.call('EXISTS', ARGV[4] .. job)
end
if waiting >= tonumber(ARGV[1]) then return waiting end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return -1`;

/** Keys of the list of what waits and of what is being added, and what precedes the id of a job in its key. */
export interface RenderKeys {
  waiting: string;
  places: string;
  job: string;
}

export class RenderPlaces {
  constructor(
    private readonly redis: Redis,
    private readonly keys: RenderKeys,
  ) {}

  /** Adds a job. Throws BUSY where too many wait, of which each takes so many milliseconds. */
  async through(id: string, add: () => Promise<void>, msEach: number): Promise<void> {
    const { waiting, places, job } = this.keys;
    const taken = this.redis.eval(TAKE, 2, waiting, places, MAX_WAITING, id, KEPT, job);
    const count = (await reachable(taken)) as number;
    if (count >= 0)
      throw new AppError('BUSY', {
        detail: `${count} renders wait already, and no more than ${MAX_WAITING} may; try again later.`,
        retryAfter: Math.max(1, Math.ceil((count * msEach) / 1000)),
      });
    try {
      await add();
    } finally {
      // One that stays is free soon.
      await this.redis.zrem(places, id).catch(() => 0);
    }
  }
}
