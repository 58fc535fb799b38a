/** Hard deletion: what is left of an embedding whose record is gone, or has expired. */
import { attemptPrefix, embeddingPrefix, renderBlob } from './blob-keys.js';
import type { BlobStore } from './blobs.js';
import { ERASE, type EraseStep } from './job-protocol.js';
import type { Records } from './records.js';

export interface EraseDeps {
  records: Records;
  blobs: BlobStore;
  jobs: {
    cancelEmbed(id: string): Promise<boolean>;
    dropRenders(keys: readonly string[]): Promise<boolean>;
  };
}

/**
 * Deletes the job of the embedding, every blob of it and every render made of it, and then forgets that this had to be
 * done. Comes after the record, which nothing reads or writes any more then. Whoever finds it unfinished can begin again:
 * while a worker still draws one of the renders, it stays unfinished, since that one is stored later.
 */
export async function erase({ records, blobs, jobs }: EraseDeps, id: string): Promise<void> {
  const steps: Record<EraseStep, () => Promise<unknown>> = {
    job: () => jobs.cancelEmbed(id),
    blobs: () => blobs.deletePrefix(embeddingPrefix(id)),
    renders: async () => {
      const renders = await records.rendersOf(id);
      const isQuiet = await jobs.dropRenders(renders);
      await Promise.all(renders.map((key) => blobs.delete(renderBlob(key))));
      return isQuiet ? undefined : UNFINISHED_STEP;
    },
    note: () => records.forget(id),
  };
  for (const step of ERASE) if ((await steps[step]()) === UNFINISHED_STEP) return;
}

/** What ends an erasure before its last step. */
const UNFINISHED_STEP = Symbol('unfinished');

/**
 * Deletes the photos of a finished embedding of which only the latent is to be stored: original, aligned face and previews,
 * those of attempts that were lost, too. Latent and reconstruction stay. Does nothing for others.
 */
export async function dropPhotos({ records, blobs }: Omit<EraseDeps, 'jobs'>, id: string): Promise<void> {
  const finished = await records.latentOnly(id);
  // What is not finished may have to be dropped later, and stays noted.
  if (!finished) return;
  const { original, aligned, preview, ...kept } = finished.blobs;
  const named = [original, aligned, preview].filter((key) => key !== undefined);
  const folders = Array.from({ length: finished.attempt }, (_, i) => attemptPrefix(id, i + 1));
  const isLost = (folder: string): boolean => !Object.values(kept).some((key) => key.startsWith(folder));
  await Promise.all([
    ...named.map((key) => blobs.delete(key)),
    ...folders.filter(isLost).map((folder) => blobs.deletePrefix(folder)),
  ]);
  await records.photosDropped(id);
}
