/** What a fault has left behind in Redis and the blob store that belongs to no embedding. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { loadConfig } from '../../../src/config.js';
import { Queues } from '../../../src/queue.js';
import type { Finding } from '../../../src/store/fsck/faults.js';
import { fsck } from '../../../src/store/fsck/fsck.js';
import { keysFrom } from '../../../src/store/fsck/survey.js';
import { openBlobs } from '../../../src/store/open-blobs.js';
import { Pending } from '../../../src/store/pending.js';
import { Records } from '../../../src/store/records.js';
import type { Fleet } from './fleet.js';

/** Prefix of all keys of a fleet. */
export const PREFIX = loadConfig({}).keyPrefix;

/** Looks for what fsck finds without any grace, as often as `work` asks; what it finds can be mended until then. */
export async function atStore<T>(
  fleet: Fleet,
  redis: Redis,
  work: (look: () => Promise<Finding[]>) => Promise<T>,
): Promise<T> {
  const jobs = new Queues(fleet.redisUrl, PREFIX);
  await jobs.ready(5_000);
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
    return await work(async () => {
      const found: Finding[] = [];
      for await (const finding of fsck(deps)) found.push(finding);
      return found;
    });
  } finally {
    await jobs.close();
  }
}

/** Findings of fsck, jobs that are still active, and unfinished files. Nothing may be under way. */
export async function leftovers(fleet: Fleet, redis: Redis): Promise<string[]> {
  const found = await atStore(fleet, redis, (look) => look());
  const faults = found.map(({ fault, subject }) => `${fault} ${subject}`);
  return [...faults, ...(await activeJobs(redis)), ...(await unfinishedFiles(fleet))];
}

async function activeJobs(redis: Redis): Promise<string[]> {
  const lists = ['embed', 'render'].map((queue) => redis.lrange(`${PREFIX}:${queue}:active`, 0, '-1'));
  return (await Promise.all(lists)).flat().map((id) => `active job ${id}`);
}

/** Jobs that are being worked on, and locks, which outlive a worker that was lost for a while. */
export async function heldJobs(redis: Redis): Promise<string[]> {
  const found = await activeJobs(redis);
  for await (const key of keysFrom(redis, `${PREFIX}:`))
    if (/:(embed|render):[^:]+:lock$/.test(key)) found.push(`lock ${key}`);
  return found;
}

export async function unfinishedFiles({ dataDir }: Fleet): Promise<string[]> {
  const names = await readdir(join(dataDir, 'blobs'), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.tmp')).map((name) => `file ${name}`);
}

/** Ids of all embeddings that have a record. */
export async function recorded(redis: Redis): Promise<string[]> {
  const root = `${PREFIX}:embedding:`;
  const ids: string[] = [];
  for await (const key of keysFrom(redis, root)) ids.push(key.slice(root.length));
  return ids.sort();
}
