/** How many embeddings may be unfinished at a time, and how many are. `Records` keeps both in one step. */
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

/** Most of a tenant and of all; 0: no limit. */
export interface QueueLimits {
  perTenant: number;
  inAll: number;
}
export const NO_LIMITS: QueueLimits = { perTenant: 0, inAll: 0 };

/**
 * `taken`: an id is. `superseded`: the claim was taken over. `tenant`, `all`: what is full, where `unfinished` are so already.
 * Nothing is created then.
 */
export interface Creation {
  kind: 'created' | 'taken' | 'superseded' | 'tenant' | 'all';
  unfinished: number;
}

export async function unfinished(
  redis: Redis,
  prefix: string,
  tenant: string,
): Promise<{ tenant: number; all: number }> {
  const [own, all] = await Promise.all([
    reachable(redis.zcard(`${prefix}:tenant:${tenant}:unfinished`)),
    reachable(redis.zcard(`${prefix}:unfinished`)),
  ]);
  return { tenant: own, all };
}
