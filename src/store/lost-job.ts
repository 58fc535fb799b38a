/** Embeddings whose job is gone: their API was lost between storing and adding it, or Redis forgot. */
import type { EmbeddingRecord } from '../contracts.js';
import { UNFINISHED } from './job-protocol.js';
import type { Records } from './records.js';

export interface LostJobDeps {
  records: Pick<Records, 'get' | 'fail'>;
  jobs: {
    enqueueEmbed(...jobs: EmbeddingRecord[]): Promise<void>;
    embedState(id: string): Promise<'waiting' | 'active' | 'ended' | 'unknown'>;
  };
}

/**
 * Gives an embedding that waits without a job a new one; one that was being worked on fails with its job. The record is read
 * before the job: whatever begins in between has a newer attempt, which `fail` leaves alone.
 */
export async function mendLostJob(
  { records, jobs }: LostJobDeps,
  id: string,
): Promise<'queued' | 'failed' | undefined> {
  const record = await records.get(id);
  if (!record || !UNFINISHED.includes(record.state)) return undefined;
  const job = await jobs.embedState(id);
  if (job === 'waiting' || job === 'active') return undefined;
  if (record.state === 'queued' && job === 'unknown') {
    await jobs.enqueueEmbed(record);
    return 'queued';
  }
  return (await records.fail(id, record.attempt, LOST)) ? 'failed' : undefined;
}

const LOST = { code: 'ENGINE_FAILED', detail: 'The job was lost; post the photo again.' };
