/** Accepts the photos of one request: all together or not at all, or each that can be accepted. */
import type { EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import { embeddingPrefix } from '../store/blob-keys.js';
import type { AppDeps } from './app.js';
import type { Accepted, OnStored } from './idempotent.js';
import { examine, type IntakeDeps } from './intake.js';
import { problemOf } from './problem.js';
import type { Upload } from './upload.js';

export type AcceptDeps = IntakeDeps & Pick<AppDeps, 'records'>;

/** Who asks, and the id of the request, which names problems in the log. */
export interface Asked {
  tenant: string;
  request: string;
}

/**
 * Stores and enqueues the photos; `onStored` is called in between. Where the upload is partial, photos that are refused are told of beside those that are
 * accepted, and NOTHING_ACCEPTED is thrown when none is. On any error nothing stays stored.
 */
export async function accept(
  deps: AcceptDeps,
  { tenant, request }: Asked,
  upload: Upload,
  onStored: OnStored,
): Promise<Accepted> {
  const { photos, partial } = upload;
  const ids: string[] = [];
  const noting = {
    ...deps,
    newId: () => {
      const id = deps.newId();
      ids.push(id);
      return id;
    },
  };
  try {
    const results = await Promise.allSettled(photos.map((photo) => examine(noting, tenant, photo, upload)));
    const made = partial ? sorted(results, request) : { accepted: all(results), refused: [] };
    const kept = new Set(made.accepted.map(({ record }) => record.id));
    await Promise.all(ids.filter((id) => !kept.has(id)).map((id) => discard(deps, tenant, id)));
    for (const { record } of made.accepted) {
      if (!(await deps.records.create(record))) throw new Error(`The id ${record.id} is taken`);
    }
    await onStored(made);
    await deps.queues.enqueueEmbed(...made.accepted.map(({ record }) => record));
    return made;
  } catch (error) {
    await Promise.allSettled(ids.map((id) => discard(deps, tenant, id)));
    throw error;
  }
}

type Result = PromiseSettledResult<EmbeddingRecord[]>;

/** The records of all photos. Throws the first refusal with the number of its photo. */
const all = (results: readonly Result[]): Accepted['accepted'] =>
  results.flatMap((result, index) => {
    if (result.status === 'rejected') throw named(refusal(result.reason), index, results.length);
    return result.value.map((record) => ({ index, record }));
  });

/** What can be accepted beside what is refused. Throws NOTHING_ACCEPTED, and at once what no photo can help. */
function sorted(results: readonly Result[], request: string): Accepted {
  const refused = results.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [];
    const error = named(refusal(result.reason), index, results.length);
    return [{ index, problem: problemOf(error, request) }];
  });
  if (refused.length === results.length)
    throw new AppError('NOTHING_ACCEPTED', {
      detail: `None of ${results.length} photos was accepted; \`problems\` tells why.`,
      extra: { problems: refused },
    });
  return { accepted: all(results.map((result) => (result.status === 'fulfilled' ? result : NONE))), refused };
}

const NONE: Result = { status: 'fulfilled', value: [] };

/** What is wrong with a photo. Throws anything else. */
function refusal(error: unknown): AppError {
  if (error instanceof AppError && error.status < 500) return error;
  throw error;
}

function named(error: AppError, index: number, count: number): AppError {
  const which = count > 1 ? `Photo ${index + 1} of ${count}: ` : '';
  const detail = error.detail === undefined ? undefined : which + error.detail;
  const options = { ...(detail !== undefined && { detail }), extra: { ...error.extra, index }, cause: error };
  return new AppError(error.code, options);
}

/** Takes back what was stored of an embedding. */
export async function discard(
  { records, blobs, queues }: Pick<AcceptDeps, 'records' | 'blobs' | 'queues'>,
  tenant: string,
  id: string,
): Promise<void> {
  await blobs.deletePrefix(embeddingPrefix(id));
  await records.remove(tenant, id, { why: 'refused' });
  await queues.cancelEmbed(id);
  await records.forget(id);
}
