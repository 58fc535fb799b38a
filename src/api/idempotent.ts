/** A request that a client may repeat with the same `Idempotency-Key` until it gets an answer, and that acts once. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import { type ClaimFence, type Outcome, RENEW_EVERY } from '../store/idempotency.js';
import type { AppDeps } from './app.js';
import { discard } from './discard.js';
import { received } from './expected.js';

/** Printable ASCII, as in a header. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/** What became of each photo of a request. */
export interface Accepted {
  /** In the order of the photos and of the faces of each; `index` is the position of the photo. */
  accepted: { index: number; record: EmbeddingRecord }[];
  /** Only where others were accepted. */
  refused: Outcome['refused'];
}

/** What a request does about its key on its way. Without a key nothing is to be done. */
export interface Keyed {
  /** Holds while nobody has taken the request over. */
  fence: ClaimFence | undefined;
  /** Says what is about to be stored. Throws IDEMPOTENCY_IN_FLIGHT where the request was taken over. */
  plan(made: Accepted): Promise<void>;
  /** Says that it may be stored from now on. True: a repetition looks after it, so that an error takes nothing of it back. */
  leave(): boolean;
  /** Says that it is stored. Throws IDEMPOTENCY_IN_FLIGHT where the request was taken over. */
  settle(made: Accepted): Promise<void>;
}

const WITHOUT_KEY: Keyed = {
  fence: undefined,
  plan: async () => undefined,
  leave: () => false,
  settle: async () => undefined,
};

/**
 * Does `work`, or, where the same request with the same key was answered before, finds its records again and says so in
 * the answer. `parts` are all that makes the request what it is. Throws IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, and
 * EMBEDDING_NOT_FOUND when what was made then is deleted by now.
 */
export async function once(
  deps: Pick<AppDeps, 'idempotency' | 'records' | 'queues' | 'blobs'>,
  request: FastifyRequest,
  reply: FastifyReply,
  parts: readonly (string | Uint8Array)[],
  work: (keyed: Keyed) => Promise<Accepted>,
): Promise<Accepted> {
  const key = keyOf(request);
  if (key === undefined) return work(WITHOUT_KEY);
  const { idempotency } = deps;
  const { tenant } = request.caller;
  const found = await idempotency.claim(tenant, key, fingerprint(parts));
  switch (found.kind) {
    case 'other-request':
      throw new AppError('IDEMPOTENCY_KEY_REUSED', {
        detail:
          'The same Idempotency-Key came with other photos or fields before; send a new key with a new request.',
      });
    case 'in-flight':
      throw new AppError('IDEMPOTENCY_IN_FLIGHT', {
        detail: 'A request with this Idempotency-Key is still being answered; ask again in a moment.',
      });
    case 'settled':
      reply.header('idempotent-replayed', 'true');
      return recalled(deps, tenant, found.outcome);
    case 'claimed': {
      const { held, planned } = found;
      const owned = async (change: Promise<boolean>): Promise<void> => {
        if (!(await change)) throw supersededRequest();
      };
      const settle = (outcome: Outcome): Promise<void> =>
        owned(idempotency.settle(tenant, key, held, outcome));
      let isLeft = false;
      // A claim that is not renewed in time is taken over.
      const renew = (): void => void idempotency.renew(tenant, key, held).catch(() => undefined);
      const renewing = setInterval(renew, RENEW_EVERY);
      try {
        if (planned && (await isStored(deps, tenant, planned))) {
          await settle(planned);
          reply.header('idempotent-replayed', 'true');
          return await recalled(deps, tenant, planned);
        }
        return await work({
          fence: idempotency.fence(tenant, key, held),
          plan: (made) => owned(idempotency.plan(tenant, key, held, outcomeOf(made))),
          leave: () => {
            isLeft = true;
            return isLeft;
          },
          settle: (made) => settle(outcomeOf(made)),
        });
      } catch (error) {
        const end = isLeft ? idempotency.abandon(tenant, key, held) : idempotency.release(tenant, key, held);
        await end.catch(() => undefined);
        throw error;
      } finally {
        clearInterval(renewing);
      }
    }
  }
}

export const supersededRequest = (): AppError =>
  new AppError('IDEMPOTENCY_IN_FLIGHT', {
    detail: 'The request took so long that it was taken over by its repetition; ask again in a moment.',
  });

const outcomeOf = ({ accepted, refused }: Accepted): Outcome => ({
  ids: accepted.map(({ record }) => record.id),
  photos: accepted.map(({ index }) => index),
  refused,
});

/**
 * Whether all is there that a process which was lost was about to store. If not, what is there of it is taken back, to be
 * made anew.
 */
async function isStored(
  deps: Pick<AppDeps, 'records' | 'queues' | 'blobs'>,
  tenant: string,
  { ids }: Outcome,
): Promise<boolean> {
  const found = await Promise.all(ids.map((id) => deps.records.find(tenant, id)));
  if (found.every((record) => record !== undefined)) return true;
  await Promise.all(ids.map((id) => discard(deps, tenant, id)));
  return false;
}

/** The records of an earlier request. Their jobs may not have been enqueued, if its process was lost. */
async function recalled(
  { records, queues }: Pick<AppDeps, 'records' | 'queues'>,
  tenant: string,
  { ids, photos, refused }: Outcome,
): Promise<Accepted> {
  const found = await Promise.all(ids.map((id) => records.find(tenant, id)));
  const accepted = found.flatMap((record, i) => (record ? [{ index: photos[i] ?? i, record }] : []));
  if (accepted.length === 0)
    throw new AppError('EMBEDDING_NOT_FOUND', {
      detail: 'What this Idempotency-Key made was deleted; send a new key with a new request.',
    });
  const waiting = accepted.filter(({ record }) => record.state === 'queued');
  if (waiting.length > 0) await queues.enqueueEmbed(...waiting.map(({ record }) => record));
  return { accepted, refused };
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new AppError('BAD_REQUEST', {
    detail: `Received ${received(key)} for the header Idempotency-Key; expected 1 to 255 printable ASCII characters without spaces.`,
  });
}

/** Each part with its length, so that no two lists of parts look the same. */
function fingerprint(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex');
}
