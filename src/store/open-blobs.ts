/** The blob store that the configuration names. */
import { join } from 'node:path';
import type { Config } from '../config.js';
import { FileBlobStore, type SweptBlobStore } from './blobs.js';
import { S3BlobStore } from './s3-blobs.js';
import { checkBucket, s3Client } from './s3-client.js';

/** Throws a sentence that says what to change when the store cannot be used. */
export async function openBlobs({
  blobs,
  dataDir,
}: Pick<Config, 'blobs' | 'dataDir'>): Promise<SweptBlobStore> {
  if (blobs.kind === 'files') return new FileBlobStore(join(dataDir, 'blobs'));
  const client = s3Client(blobs);
  await checkBucket(client, blobs);
  return new S3BlobStore({ client, ...blobs });
}
