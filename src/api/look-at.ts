/** Has a worker look at a photo for somebody who waits. */
import { randomUUID } from 'node:crypto';
import type { Detection, Examination } from '../contracts.js';
import { LOOKED_AT } from '../store/blob-keys.js';
import type { AppDeps } from './app.js';

interface Seen {
  detect: Detection;
  faces: Examination;
}

/**
 * What a worker sees in the stored photo. It passes through a blob that is deleted, since a queue remembers what its jobs
 * return; what a late worker leaves is swept away. Throws BUSY after `timeoutMs`, and what the job fails with.
 */
export async function lookAt<K extends keyof Seen>(
  { blobs, queues }: Pick<AppDeps, 'blobs' | 'queues'>,
  kind: K,
  blob: string,
  timeoutMs: number,
): Promise<Seen[K]> {
  const result = `${LOOKED_AT}${randomUUID()}.json`;
  try {
    await queues.render({ kind, blob, result }, timeoutMs);
    const seen = await blobs.get(result);
    if (!seen) throw new Error('The job left no blob');
    return JSON.parse(seen.toString()) as Seen[K];
  } finally {
    await blobs.delete(result).catch(() => undefined);
  }
}
