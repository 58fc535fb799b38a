/** The blob store that the configuration names. */
import { join } from 'node:path';
import type { Config } from '../config.js';
import { FileBlobStore, type SweptBlobStore } from './blobs.js';
import { SealedBlobs } from './sealed-blobs.js';

type Place = Pick<Config, 'blobs' | 'dataDir'>;

/**
 * `onDamage` hears the key of each blob that was found damaged. Throws a sentence that says what to change when the store
 * cannot be used.
 */
export const openBlobs = async (place: Place, onDamage?: (key: string) => void): Promise<SealedBlobs> =>
  new SealedBlobs(await openStore(place), onDamage);

/** The store below the seals. */
async function openStore({ blobs, dataDir }: Place): Promise<SweptBlobStore> {
  if (blobs.kind === 'files') return new FileBlobStore(join(dataDir, 'blobs'));
  // The SDK takes its time and memory, and its word on old versions of Node, only where it is used.
  const [{ S3BlobStore }, { checkBucket, s3Client }] = await Promise.all([
    import('./s3-blobs.js'),
    import('./s3-client.js'),
  ]);
  const client = s3Client(blobs);
  await checkBucket(client, blobs);
  return new S3BlobStore({ client, ...blobs });
}
