/** Records as a client sees them, those that wait with their place in the queue. */
import type { EmbeddingRecord } from '../contracts.js';
import { list, secondsPerEmbedding } from '../store/workers.js';
import type { AppDeps } from './app.js';
import { present } from './present.js';
import type { Embedding, Waiting } from './schemas.js';

type ShownDeps = Pick<AppDeps, 'queues' | 'redis' | 'config'>;

export async function shown(deps: ShownDeps, records: readonly EmbeddingRecord[]): Promise<Embedding[]> {
  return Promise.all(
    records.map(async (record) => {
      const waiting = record.state === 'queued' ? await waitingOf(deps, record) : undefined;
      return { ...present(record), ...(waiting && { waiting }) };
    }),
  );
}

/** Undefined when it does not wait any more. */
async function waitingOf(
  { queues, redis, config }: ShownDeps,
  { id }: EmbeddingRecord,
): Promise<Waiting | undefined> {
  const position = await queues.position(id);
  if (position === undefined) return undefined;
  const workers = await list(redis, config.keyPrefix);
  const together = secondsPerEmbedding(workers);
  if (together === undefined) return { position };
  const alone = Math.max(...workers.map(({ secondsPerJob }) => secondsPerJob ?? 0));
  return { position, seconds: Math.round(position * together + alone) };
}
