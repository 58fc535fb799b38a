/** Hard deletion: what is left of an embedding whose record is gone, or has expired. */
import { embeddingPrefix, renderBlob } from './blob-keys.js';
import type { BlobStore } from './blobs.js';
import type { Records } from './records.js';

export interface EraseDeps {
  records: Records;
  blobs: BlobStore;
}

/**
 * Deletes every blob of the embedding and every render made of it, and then forgets that this had to be done. Comes after the record, which nothing reads
 * or writes any more then; whoever finds the deletion unfinished can begin it again.
 */
export async function erase({ records, blobs }: EraseDeps, id: string): Promise<void> {
  await Promise.all((await records.rendersOf(id)).map((key) => blobs.delete(renderBlob(key))));
  await blobs.deletePrefix(embeddingPrefix(id));
  await records.forget(id);
}

/** Deletes the photos of a finished embedding of which only the latent is to be stored. Does nothing for others. */
export async function dropPhotos({ records, blobs }: EraseDeps, id: string): Promise<void> {
  await Promise.all((await records.photosToDrop(id)).map((key) => blobs.delete(key)));
  await records.photosDropped(id);
}
