/** Blobs against records. */
import { AppError } from '../../errors.js';
import { embeddingPrefix } from '../blob-keys.js';
import type { StoredBlob } from '../blobs.js';
import { dropPhotos } from '../erase.js';
import { UNFINISHED } from '../job-protocol.js';
import type { Finding } from './faults.js';
import type { FsckDeps } from './fsck.js';
import type { Surveyed } from './survey.js';
import { surveyed } from './survey.js';

const PHOTOS = ['original', 'aligned', 'preview'] as const;
const IN_EMBEDDING = /^embeddings\/([^/]+)\//;

/** One blob at a time, since there may be many; `seen` collects the keys of all. */
export async function* checkBlob(
  deps: FsckDeps,
  records: ReadonlyMap<string, Surveyed>,
  blob: StoredBlob,
  seen: Set<string>,
): AsyncGenerator<Finding> {
  const { blobs, graceMs, contents } = deps;
  const { key, age, isUnfinished } = blob;
  if (isUnfinished) {
    if (age >= graceMs)
      yield { fault: 'unfinished-file', subject: key, mend: () => blobs.deleteUnfinished(key) };
    return;
  }
  seen.add(key);
  const [, id] = IN_EMBEDDING.exec(key) ?? [];
  if (id !== undefined && age >= graceMs) {
    const finding = await misplaced(deps, records.get(id), id, key);
    if (finding) {
      yield finding;
      return;
    }
  }
  if (contents && (await isDamaged(deps, key))) yield { fault: 'damaged-blob', subject: key };
}

async function misplaced(
  { redis, prefix, blobs, records }: FsckDeps,
  before: Surveyed | undefined,
  id: string,
  key: string,
): Promise<Finding | undefined> {
  if (before && isFine(before, key)) return undefined;
  // It may have come, gone or gone on since the records were read.
  const record = await surveyed(redis, prefix, id);
  if (!record || record.state === 'expired')
    return {
      fault: 'orphan-blob',
      subject: embeddingPrefix(id),
      mend: () => blobs.deletePrefix(embeddingPrefix(id)),
    };
  if (isFine(record, key)) return undefined;
  if (Object.values(record.blobs).includes(key))
    return { fault: 'kept-photo', subject: key, mend: () => dropPhotos({ records, blobs }, id) };
  return { fault: 'unnamed-blob', subject: key, mend: () => blobs.delete(key) };
}

/** Whether the blob belongs where it is: what a running attempt has written is named later. */
function isFine(record: Surveyed, key: string): boolean {
  if (record.state === 'expired') return false;
  return UNFINISHED.includes(record.state) || expected(record).includes(key);
}

/** Keys of the blobs that a finished embedding keeps. */
function expected({ store, blobs }: Surveyed): string[] {
  const dropped: readonly string[] = store === 'latent-only' ? PHOTOS : [];
  return Object.entries(blobs).flatMap(([kind, key]) => (dropped.includes(kind) ? [] : [key]));
}

async function isDamaged({ blobs }: FsckDeps, key: string): Promise<boolean> {
  try {
    await blobs.get(key);
    return false;
  } catch (error) {
    if (error instanceof AppError && error.code === 'BLOB_DAMAGED') return true;
    throw error;
  }
}

/** Blobs that embeddings name which succeeded; those of others are deleted as they end. */
export async function* missingBlobs(
  { redis, prefix, blobs }: FsckDeps,
  records: ReadonlyMap<string, Surveyed>,
  seen: ReadonlySet<string>,
): AsyncGenerator<Finding> {
  for (const [id, record] of records) {
    if (record.state !== 'succeeded') continue;
    for (const key of expected(record)) {
      if (seen.has(key) || (await blobs.has(key))) continue;
      const now = await surveyed(redis, prefix, id);
      if (now?.state === 'succeeded') yield { fault: 'missing-blob', subject: key };
    }
  }
}
