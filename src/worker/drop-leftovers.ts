/** Deletes what lost processes left in the directory of the blobs, bit by bit. */
import type { Logger } from 'pino';
import type { Audit } from '../store/audit.js';
import { attemptPrefix, embeddingPrefix } from '../store/blob-keys.js';
import type { BlobStore } from '../store/blobs.js';
import { UNFINISHED } from '../store/job-protocol.js';
import type { Leftovers } from '../store/leftovers.js';
import type { Records } from '../store/records.js';

/** Far longer than any request takes to make a record of what it stored. */
const FOLDER_DUE = 24 * 3_600_000;
/** Far longer than it takes to write a file. */
const FILE_DUE = 3_600_000;
/** Most embeddings of one round. */
const AT_A_TIME = 1_000;

export interface LeftoverDeps {
  records: Pick<Records, 'states' | 'get'>;
  leftovers: Leftovers;
  audit: Pick<Audit, 'note'>;
  blobs: BlobStore;
  log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Looks at the next embeddings whose folder has rested for an hour: what lost attempts left beside a finished one is deleted, and
 * what has no record after a day.
 */
export async function dropLeftovers(deps: LeftoverDeps, signal: AbortSignal): Promise<void> {
  const { records, leftovers, audit, blobs, log } = deps;
  const folders = await leftovers.embeddings(FILE_DUE, AT_A_TIME);
  if (folders.length === 0) return;
  if (!(await leftovers.isOurs())) {
    log.warn('the data directory belongs to another Redis: what no record names is left alone');
    return;
  }
  let [embeddings, files] = [0, 0];
  const states = await records.states(folders.map(({ id }) => id));
  for (const [i, { id, ageMs }] of folders.entries()) {
    if (signal.aborted) return;
    const isKept = states[i] !== undefined && states[i] !== 'expired';
    if (isKept) {
      files += await leftovers.dropUnfinished(id, FILE_DUE);
      await dropLostAttempts(deps, id);
    } else if (ageMs >= FOLDER_DUE) {
      await audit.note({ id, why: 'orphan' });
      log.info({ embedding: id, why: 'orphan' }, 'embedding deleted');
      await blobs.deletePrefix(embeddingPrefix(id));
      embeddings++;
    }
  }
  if (embeddings + files > 0) log.info({ embeddings, files }, 'leftovers deleted');
}

/** A worker that stood still may have written once more after its embedding was finished by another. */
async function dropLostAttempts(
  { records, leftovers, blobs }: Pick<LeftoverDeps, 'records' | 'leftovers' | 'blobs'>,
  id: string,
): Promise<void> {
  const attempts = await leftovers.attempts(id);
  const record = attempts.length > 0 ? await records.get(id) : undefined;
  if (!record || UNFINISHED.includes(record.state)) return;
  const named = Object.values(record.blobs);
  for (const attempt of attempts) {
    const folder = attemptPrefix(id, attempt);
    if (!named.some((key) => key.startsWith(folder))) await blobs.deletePrefix(folder);
  }
}
