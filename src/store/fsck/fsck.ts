/**
 * Compares records, lists, jobs and blobs with each other, and finds what a crash can leave. What is younger than the grace is
 * left alone: it may belong to a request or a job under way.
 */
import type { Redis } from 'ioredis';
import type { EraseDeps } from '../erase.js';
import type { LostJobDeps } from '../lost-job.js';
import type { Pending } from '../pending.js';
import type { SealedBlobs } from '../sealed-blobs.js';
import { checkBlob, missingBlobs } from './blobs.js';
import type { Finding } from './faults.js';
import { interruptedDeletions, lists, lostJobs } from './records.js';
import { survey } from './survey.js';

export interface FsckDeps extends Omit<EraseDeps, 'blobs' | 'jobs'> {
  redis: Redis;
  prefix: string;
  blobs: SealedBlobs;
  pending: Pick<Pending, 'deletions'>;
  jobs: EraseDeps['jobs'] & LostJobDeps['jobs'];
  now: () => Date;
  /** Milliseconds for which nothing of an embedding must have changed. */
  graceMs: number;
  /** Whether every blob is read and compared with its seal. */
  contents: boolean;
}

/** How many records and blobs were looked at. */
export interface Looked {
  records: number;
  blobs: number;
}

/** Everything that is wrong, each thing once, as it is found; `onBlob` is called for each blob. Changes nothing but damaged renders, which are deleted. */
export async function* fsck(deps: FsckDeps, onBlob: () => void = () => {}): AsyncGenerator<Finding, Looked> {
  const records = await survey(deps.redis, deps.prefix);
  yield* interruptedDeletions(deps);
  yield* lostJobs(deps, records);
  yield* lists(deps, records);
  const seen = new Set<string>();
  const told = new Set<string>();
  for await (const blob of deps.blobs.list()) {
    onBlob();
    for await (const finding of checkBlob(deps, records, blob, seen)) {
      const name = `${finding.fault} ${finding.subject}`;
      // A folder without a record is told of once, whatever is in it.
      if (!told.has(name)) yield finding;
      told.add(name);
    }
  }
  yield* missingBlobs(deps, records, seen);
  return { records: records.size, blobs: seen.size };
}
