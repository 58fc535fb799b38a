/** What a look through the store can find, in words. */
export const FAULTS = {
  'unfinished-file': 'files that were never written to their end',
  'orphan-blob': 'folders of blobs whose embedding has no record',
  'unnamed-blob': 'blobs of lost attempts, which no record names',
  'damaged-blob': 'blobs that are not as they were written',
  'missing-blob': 'blobs that a record names and that are not there',
  'kept-photo': 'photos of embeddings of which only the latent is to be kept',
  'interrupted-deletion': 'deletions that began and have not ended',
  'lost-job': 'unfinished embeddings without a job',
  'unlisted-record': 'embeddings that a list lacks',
  'stale-entry': 'entries of lists whose embedding is gone or belongs elsewhere',
} as const;
export type Fault = keyof typeof FAULTS;

export interface Finding {
  fault: Fault;
  /** Id of the embedding, key of the blob, or list and entry. */
  subject: string;
  /** Safe while the service runs, and more than once. Undefined: only a backup, or another embedding, can mend it. */
  mend?: () => Promise<unknown>;
}
