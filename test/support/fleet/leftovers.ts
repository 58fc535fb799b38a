/** What a fault has left behind in Redis and the blob store that belongs to no embedding. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { loadConfig } from '../../../src/config.js';
import { Queues } from '../../../src/queue.js';
import { fsck } from '../../../src/store/fsck/fsck.js';
import { keysFrom } from '../../../src/store/fsck/survey.js';
import { openBlobs } from '../../../src/store/open-blobs.js';
import { Pending } from '../../../src/store/pending.js';
import { Records } from '../../../src/store/records.js';
import type { Fleet } from './fleet.js';

/** Prefix of all keys of a fleet. */
export const PREFIX = loadConfig({}).keyPrefix;

/** Findings of fsck without any grace, jobs that are still active, and unfinished files. Nothing may be under way. */
export async function leftovers(fleet: Fleet, redis: Redis): Promise<string[]> {
  const jobs = new Queues(fleet.redisUrl, PREFIX);
  await jobs.ready(5_000);
  const found: string[] = [];
  const deps = {
    redis,
    prefix: PREFIX,
    jobs,
    records: new Records(redis, PREFIX),
    pending: new Pending(redis, PREFIX),
    blobs: await openBlobs({ dataDir: fleet.dataDir, blobs: { kind: 'files' } }),
    now: () => new Date(),
    graceMs: 0,
    contents: true,
  };
  try {
    for await (const { fault, subject } of fsck(deps)) found.push(`${fault} ${subject}`);
  } finally {
    await jobs.close();
  }
  for (const queue of ['embed', 'render'])
    for (const id of await redis.lrange(`${PREFIX}:${queue}:active`, 0, '-1')) found.push(`active job ${id}`);
  const names = await readdir(join(fleet.dataDir, 'blobs'), { recursive: true }).catch(() => []);
  for (const name of names) if (name.endsWith('.tmp')) found.push(`file ${name}`);
  return found;
}

/** Ids of all embeddings that have a record. */
export async function recorded(redis: Redis): Promise<string[]> {
  const root = `${PREFIX}:embedding:`;
  const ids: string[] = [];
  for await (const key of keysFrom(redis, root)) ids.push(key.slice(root.length));
  return ids.sort();
}
