/** All records, as far as their store is compared with them. */
import type { Redis } from 'ioredis';
import type { EmbeddingRecord } from '../../contracts.js';
import { reachable } from '../redis.js';

const FIELDS = [
  'tenant',
  'state',
  'attempt',
  'createdAt',
  'expiresAt',
  'labels',
  'reference',
  'store',
  'blobs',
] as const;
export type Surveyed = Pick<EmbeddingRecord, 'id' | (typeof FIELDS)[number]>;
/** Keys that one step of a scan looks at. */
const PAGE = 1_000;

/** Every key that begins with `start`, which is a prefix of ours. One that comes or goes meanwhile may be told of or not. */
export async function* keysFrom(redis: Redis, start: string): AsyncGenerator<string> {
  let cursor = '0';
  const seen = new Set<string>();
  do {
    const [next, keys] = await reachable(redis.scan(cursor, 'MATCH', `${start}*`, 'COUNT', PAGE));
    for (const key of keys) {
      // A scan may tell of a key twice.
      if (seen.has(key)) continue;
      seen.add(key);
      yield key;
    }
    cursor = next;
  } while (cursor !== '0');
}

export async function survey(redis: Redis, prefix: string): Promise<Map<string, Surveyed>> {
  const root = `${prefix}:embedding:`;
  const records = new Map<string, Surveyed>();
  for await (const key of keysFrom(redis, root)) {
    const record = await surveyed(redis, prefix, key.slice(root.length));
    if (record) records.set(record.id, record);
  }
  return records;
}

/** Undefined where there is none (any more). */
export async function surveyed(redis: Redis, prefix: string, id: string): Promise<Surveyed | undefined> {
  const texts = await reachable(redis.hmget(`${prefix}:embedding:${id}`, ...FIELDS));
  const found = Object.fromEntries(
    FIELDS.flatMap((name, i) => (texts[i] == null ? [] : [[name, JSON.parse(texts[i])]])),
  );
  if (found.state === undefined) return undefined;
  return { tenant: 'default', ...found, id } as Surveyed;
}
