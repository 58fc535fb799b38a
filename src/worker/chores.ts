/** What the role `upkeep` does: limits of folders, retention, and what a lost process has left half done. */
import type { Logger } from 'pino';
import type { Queues } from '../queue.js';
import { LOOKED_AT, RENDERS } from '../store/blob-keys.js';
import type { SweptBlobStore } from '../store/blobs.js';
import { dropPhotos, erase } from '../store/erase.js';
import { mendLostJob } from '../store/lost-job.js';
import type { Pending } from '../store/pending.js';
import type { Records } from '../store/records.js';
import { dropLeftovers, type LeftoverDeps } from './drop-leftovers.js';
import type { Chore } from './upkeep.js';

/** How long a finished render is kept, in milliseconds. */
const RENDERS_KEPT = 7 * 24 * 3_600_000;
/** How often folders are looked through. */
const SWEEP_EVERY = 600_000;
/** Longer than any request takes. */
const LOOKED_AT_KEPT = 300_000;
/** How often embeddings are looked after. */
const LOOK_EVERY = 30_000;
/** An embedding that is not finished after so long should have a job; a request takes seconds to add it. */
const JOB_DUE = 60_000;
/** Most embeddings of one round. */
const AT_A_TIME = 500;

export interface ChoreDeps extends LeftoverDeps {
  records: Records;
  pending: Pending;
  blobs: SweptBlobStore;
  jobs: Pick<Queues, 'enqueueEmbed' | 'embedState' | 'cancelEmbed' | 'dropRenders'>;
  renderCacheBytes: number;
  log: Pick<Logger, 'info' | 'warn'>;
}

export const chores = (deps: ChoreDeps): Chore[] => [
  { name: 'sweep renders', everyMs: SWEEP_EVERY, run: () => sweepRenders(deps) },
  { name: 'sweep photos', everyMs: SWEEP_EVERY, run: () => sweepPhotos(deps) },
  { name: 'retention', everyMs: LOOK_EVERY, run: (signal) => expire(deps, signal) },
  { name: 'finish deletions', everyMs: LOOK_EVERY, run: finishDeletions(deps) },
  { name: 'drop photos', everyMs: LOOK_EVERY, run: (signal) => dropAll(deps, signal) },
  { name: 'drop leftovers', everyMs: SWEEP_EVERY, run: (signal) => dropLeftovers(deps, signal) },
  { name: 'find lost jobs', everyMs: LOOK_EVERY, run: (signal) => findLostJobs(deps, signal) },
];

/** Keeps the finished renders within their limits. */
async function sweepRenders({ blobs, renderCacheBytes, log }: ChoreDeps): Promise<void> {
  const swept = await blobs.sweep(RENDERS, { maxBytes: renderCacheBytes, maxAge: RENDERS_KEPT });
  if (swept.deleted > 0) log.info(swept, 'renders swept');
}

/** Deletes photos that were looked at for requests whose process was lost. */
async function sweepPhotos({ blobs }: ChoreDeps): Promise<void> {
  await blobs.sweep(LOOKED_AT, { maxBytes: Infinity, maxAge: LOOKED_AT_KEPT });
}

/** Ends the embeddings whose time is over. */
export async function expire(deps: ChoreDeps, signal: AbortSignal): Promise<void> {
  const ids = await deps.pending.overdue(AT_A_TIME);
  await forEach(ids, signal, async (id) => {
    await deps.records.expire(id);
    deps.log.info({ embedding: id, why: 'retention' }, 'embedding deleted');
    await erase(deps, id);
  });
  if (ids.length > 0) deps.log.info({ count: ids.length }, 'embeddings expired');
}

/** Ends deletions that were there a round ago, too: who began them has had its time. */
export function finishDeletions(deps: ChoreDeps): (signal: AbortSignal) => Promise<void> {
  let seen = new Set<string>();
  return async (signal) => {
    const ids = await deps.pending.deletions();
    const old = ids.filter((id) => seen.has(id)).slice(0, AT_A_TIME);
    seen = new Set(ids);
    await forEach(old, signal, (id) => erase(deps, id));
    if (old.length > 0) deps.log.info({ count: old.length }, 'interrupted deletions finished');
  };
}

export async function dropAll(deps: ChoreDeps, signal: AbortSignal): Promise<void> {
  const ids = (await deps.pending.photos()).slice(0, AT_A_TIME);
  await forEach(ids, signal, (id) => dropPhotos(deps, id));
}

export async function findLostJobs(deps: ChoreDeps, signal: AbortSignal): Promise<void> {
  const mended = { queued: 0, failed: 0 };
  await forEach(await deps.pending.unfinished(JOB_DUE, AT_A_TIME), signal, async (id) => {
    const how = await mendLostJob(deps, id);
    if (how) mended[how]++;
  });
  if (mended.queued + mended.failed > 0) deps.log.info(mended, 'lost jobs found');
}

/** One that fails, such as a folder that cannot be deleted, lets none of the others wait; it is told of in the end. */
async function forEach(
  ids: readonly string[],
  signal: AbortSignal,
  work: (id: string) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const id of ids) {
    if (signal.aborted) return;
    await work(id).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${ids.length} embeddings failed`, { cause: failures[0] });
}
