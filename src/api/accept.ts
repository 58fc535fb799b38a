/** Accepts the photos of one request: all together or not at all, or each that can be accepted. */
import type { EmbeddingRecord } from '../contracts.js';
import { AppError, type ErrorCode } from '../errors.js';
import { embeddingPrefix } from '../store/blob-keys.js';
import { discard } from './discard.js';
import type { Accepted, Keyed } from './idempotent.js';
import { examine, type IntakeDeps } from './intake.js';
import { problemOf } from './problem.js';
import { checkQueueRoom, createInRoom, type QueueRoomDeps } from './queue-room.js';
import type { Upload } from './upload.js';

export type AcceptDeps = IntakeDeps & QueueRoomDeps;

/** Who asks, and the id of the request, which names problems in the log. */
export interface Asked {
  tenant: string;
  request: string;
}

/**
 * Stores and enqueues the photos, and settles the key of the request in between. Where the upload is partial, photos that are refused are told of beside those that are
 * accepted, and NOTHING_ACCEPTED is thrown when none is. Throws QUEUE_FULL and BUSY where too many embeddings are unfinished,
 * STORAGE_LOW and IDEMPOTENCY_IN_FLIGHT. On any error nothing stays stored, unless a repetition finds it already.
 */
export async function accept(
  deps: AcceptDeps,
  { tenant, request }: Asked,
  upload: Upload,
  keyed: Keyed,
): Promise<Accepted> {
  const { photos, partial } = upload;
  await deps.disk.check();
  await checkQueueRoom(deps, tenant, partial ? 1 : photos.length);
  const ids: string[] = [];
  const noting = {
    ...deps,
    newId: () => {
      const id = deps.newId();
      ids.push(id);
      return id;
    },
  };
  let [isLeft, isBegun] = [false, false];
  try {
    const results = await Promise.allSettled(photos.map((photo) => examine(noting, tenant, photo, upload)));
    const wanted = partial ? sorted(results, request) : { accepted: all(results), refused: [] };
    await keyed.plan(wanted);
    isLeft = keyed.leave();
    isBegun = true;
    const creating = partial
      ? createdEach(deps, wanted, { photos: photos.length, request, keyed })
      : createdAll(deps, wanted.accepted, keyed);
    const made = await creating.catch((error: unknown) => {
      // Then nothing was created; of any other error nobody can tell.
      if (isRefused(error)) isLeft = false;
      throw error;
    });
    const kept = new Set(made.accepted.map(({ record }) => record.id));
    await Promise.all(ids.filter((id) => !kept.has(id)).map((id) => discard(deps, tenant, id)));
    await keyed.settle(made);
    await deps.queues.enqueueEmbed(...made.accepted.map(({ record }) => record));
    return made;
  } catch (error) {
    // While there is no record only photos are to be deleted, which needs no Redis.
    const takeBack = (id: string): Promise<void> =>
      isBegun ? discard(deps, tenant, id) : deps.blobs.deletePrefix(embeddingPrefix(id));
    if (!isLeft) await Promise.allSettled(ids.map(takeBack));
    throw error;
  }
}

/** Codes of refusals before anything was created. */
const REFUSALS: readonly string[] = ['QUEUE_FULL', 'BUSY', 'IDEMPOTENCY_IN_FLIGHT'] satisfies ErrorCode[];
const isRefused = (error: unknown): boolean => error instanceof AppError && REFUSALS.includes(error.code);

async function createdAll(
  deps: QueueRoomDeps,
  accepted: Accepted['accepted'],
  { fence }: Keyed,
): Promise<Accepted> {
  await createInRoom(
    deps,
    accepted.map(({ record }) => record),
    fence,
  );
  return { accepted, refused: [] };
}

/** Photo by photo, each with all its faces; those that the queue of the tenant has no room for are refused. Throws where it has none at all. */
async function createdEach(
  deps: QueueRoomDeps,
  { accepted, refused }: Accepted,
  { photos, request, keyed }: { photos: number; request: string; keyed: Keyed },
): Promise<Accepted> {
  const made: Accepted = { accepted: [], refused: [...refused] };
  for (const index of new Set(accepted.map((one) => one.index))) {
    const own = accepted.filter((one) => one.index === index);
    try {
      await createdAll(deps, own, keyed);
      made.accepted.push(...own);
    } catch (error) {
      const last = refusal(error);
      if (made.accepted.length === 0 && own.at(-1) === accepted.at(-1)) throw last;
      made.refused = [...made.refused, { index, problem: problemOf(named(last, index, photos), request) }];
    }
  }
  return made;
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
