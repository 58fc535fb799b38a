/** Takes back what was stored of an embedding that is refused after all. */
import { erase } from '../store/erase.js';
import type { AppDeps } from './app.js';

/** The record first, if there is one: whatever happens then, upkeep deletes the rest. */
export async function discard(
  { records, blobs, queues }: Pick<AppDeps, 'records' | 'blobs' | 'queues'>,
  tenant: string,
  id: string,
): Promise<void> {
  await records.remove(tenant, id, { why: 'refused' });
  await erase({ records, blobs, jobs: queues }, id);
}
