/** Waits until an embedding is finished, as `Prefer: wait=N` asks. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EmbeddingRecord, EmbeddingState } from '../contracts.js';
import type { AppDeps } from './app.js';
import { endOf } from './closing.js';

/** Seconds; proxies cut connections that are silent for longer. */
const MAX_WAIT = 60;
/** Hints can be lost with their connection. Milliseconds. */
const LOOK_AGAIN = 2_000;

export const isFinished = (state: EmbeddingState): boolean => state !== 'queued' && state !== 'running';

/** Seconds that the client would wait, at most 60; 0 where it says nothing that is understood (RFC 7240 wants it ignored). */
export function preferredWait({ headers }: FastifyRequest): number {
  const preferences = [headers.prefer ?? []].flat().join(',').split(',');
  const waits = preferences.map((one) => /^\s*wait\s*=\s*"?(\d{1,6})"?\s*(;|$)/i.exec(one)?.[1]);
  const seconds = waits.find((wait) => wait !== undefined);
  return Math.min(MAX_WAIT, Number(seconds ?? 0));
}

/**
 * The records as they are when all are finished, or when the preferred time is up, the client has gone, or the service stops. Says in the
 * answer that it waited; where too many wait already it does not, as a preference may be passed over.
 */
export async function awaited(
  { records, changes }: Pick<AppDeps, 'records' | 'changes'>,
  request: FastifyRequest,
  reply: FastifyReply,
  found: readonly EmbeddingRecord[],
): Promise<EmbeddingRecord[]> {
  const seconds = preferredWait(request);
  if (seconds === 0 || !request.server.followers.enter(reply)) return [...found];
  reply.header('preference-applied', `wait=${seconds}`);
  const end = endOf(request, reply);
  const deadline = performance.now() + seconds * 1000;
  return Promise.all(
    found.map(async (record) => {
      let now = record;
      for (;;) {
        const left = deadline - performance.now();
        if (isFinished(now.state) || end.aborted || left <= 0) break;
        await changed(changes, now.id, { end, ms: Math.min(left, LOOK_AGAIN) });
        // A deleted one is answered as it was last seen.
        const next = await records.find(now.tenant, now.id);
        if (!next) break;
        now = next;
      }
      return now;
    }),
  );
}

/** Resolves when something happened to the embedding, after the time, and when the signal aborts. */
function changed(
  changes: AppDeps['changes'],
  id: string,
  { end, ms }: { end: AbortSignal; ms: number },
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      end.removeEventListener('abort', done);
      unfollow();
      resolve();
    };
    const unfollow = changes.follow(id, done);
    const timer = setTimeout(done, ms);
    if (end.aborted) return done();
    end.addEventListener('abort', done, { once: true });
  });
}
