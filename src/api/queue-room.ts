/** Refuses embeddings beyond those that may be unfinished at a time, of a tenant and in all. */
import type { EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import type { ClaimFence } from '../store/idempotency.js';
import { type Creation, type QueueLimits, unfinished } from '../store/queue-limits.js';
import { list, secondsPerEmbedding } from '../store/workers.js';
import type { AppDeps } from './app.js';
import { supersededRequest } from './idempotent.js';

export type QueueRoomDeps = Pick<AppDeps, 'config' | 'records' | 'redis'>;

/** Seconds after which to ask again: while no worker has finished an embedding, and at most. */
const UNKNOWN = 30;
const LONGEST = 3_600;

const limitsOf = ({ config }: Pick<QueueRoomDeps, 'config'>): QueueLimits => ({
  perTenant: config.tenantQueueLimit,
  inAll: config.queueLimit,
});

/** Throws QUEUE_FULL or BUSY where so many more would not be accepted now: before any work is done for them. */
export async function checkQueueRoom(deps: QueueRoomDeps, tenant: string, more: number): Promise<void> {
  const { perTenant, inAll } = limitsOf(deps);
  const now = await unfinished(deps.redis, deps.config.keyPrefix, tenant);
  if (perTenant > 0 && now.tenant + more > perTenant) throw await refusal(deps, 'tenant', now.tenant, more);
  if (inAll > 0 && now.all + more > inAll) throw await refusal(deps, 'all', now.all, more);
}

/**
 * Stores the records of one tenant, all of them or none. Throws QUEUE_FULL or BUSY where there is no room for all, and
 * IDEMPOTENCY_IN_FLIGHT where the claim behind the fence was taken over.
 */
export async function createInRoom(
  deps: QueueRoomDeps,
  records: readonly EmbeddingRecord[],
  fence?: ClaimFence,
): Promise<void> {
  const made = await deps.records.createWithin(limitsOf(deps), records, fence);
  if (made.kind === 'superseded') throw supersededRequest();
  if (made.kind === 'taken') throw new Error(`An id is taken of ${records.map(({ id }) => id).join(', ')}`);
  if (made.kind !== 'created') throw await refusal(deps, made.kind, made.unfinished, records.length);
}

async function refusal(
  deps: QueueRoomDeps,
  full: Exclude<Creation['kind'], 'created' | 'taken' | 'superseded'>,
  count: number,
  more: number,
): Promise<AppError> {
  const limits = limitsOf(deps);
  const allowed = full === 'tenant' ? limits.perTenant : limits.inAll;
  const pace = secondsPerEmbedding(await list(deps.redis, deps.config.keyPrefix));
  // As many must finish before there is room; no sooner than with every worker at them.
  const seconds = pace === undefined ? UNKNOWN : (count + more - allowed) * pace;
  const retryAfter = Math.min(LONGEST, Math.max(1, Math.ceil(seconds)));
  if (full === 'all')
    return new AppError('BUSY', { detail: 'Too many embeddings wait already; try again later.', retryAfter });
  return new AppError('QUEUE_FULL', {
    detail: `${count} embeddings are unfinished, and no more than ${allowed} may be, so that there is no room for ${more} more now.`,
    extra: { unfinished: count, allowed },
    retryAfter,
  });
}
