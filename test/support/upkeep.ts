/** Upkeep as one process of that role has it, at any time, and what is left of an embedding in Redis and in files. */
import type { Queues } from '../../src/queue.js';
import { Audit } from '../../src/store/audit.js';
import type { SweptBlobStore } from '../../src/store/blobs.js';
import { Leftovers } from '../../src/store/leftovers.js';
import { Pending } from '../../src/store/pending.js';
import { Records } from '../../src/store/records.js';
import type { ChoreDeps } from '../../src/worker/chores.js';
import type { TestApp } from './app.js';

/** The chores as they are `later` milliseconds after the app's time. */
export function upkeepOf({ redis, deps, dir }: TestApp, later = 0): ChoreDeps & { audit: Audit } {
  const { keyPrefix } = deps.config;
  const now = () => new Date(deps.now().getTime() + later);
  return {
    records: new Records(redis, keyPrefix, now),
    pending: new Pending(redis, keyPrefix, now),
    blobs: deps.blobs as SweptBlobStore,
    jobs: deps.queues as Queues,
    renderCacheBytes: 1e9,
    audit: new Audit(redis, keyPrefix, now),
    leftovers: new Leftovers(redis, keyPrefix, dir, now),
    log: { info: () => undefined, warn: () => undefined },
  };
}

/** Keys of Redis whose name or value holds the id, without the prefix, and files whose path does. */
export async function tracesOf({ redis, deps, blobFiles }: TestApp, id: string): Promise<string[]> {
  const { keyPrefix } = deps.config;
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, 0, '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  const found: string[] = [];
  for (const key of await redis.keys(`${keyPrefix}:*`)) {
    const value = await read[await redis.type(key)]!(key);
    if (`${key} ${JSON.stringify(value)}`.includes(id)) found.push(key.slice(keyPrefix.length + 1));
  }
  return [...found, ...(await blobFiles()).filter((path) => path.includes(id))].sort();
}
