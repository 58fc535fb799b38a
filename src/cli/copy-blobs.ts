/** Copies the blobs of one data directory into another. */
import { constants } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileBlobStore, undefinedWhenMissing } from '../store/blobs.js';

/** Renders are made again, and photos that are looked at belong to requests under way. */
const COPIED = 'embeddings/';
/** Which Redis the directory belongs to. */
const MARK = '.redis';

/** Copies what is not there yet: a blob never changes. What is deleted under the copy is no longer wanted. */
export async function copyBlobs(from: string, to: string): Promise<void> {
  for await (const { key, isUnfinished } of new FileBlobStore(from).list())
    if (key.startsWith(COPIED) && !isUnfinished) await copied(join(from, key), join(to, key));
  await copied(join(from, MARK), join(to, MARK));
}

async function copied(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to, constants.COPYFILE_EXCL).catch((error: NodeJS.ErrnoException) =>
    error.code === 'EEXIST' ? undefined : undefinedWhenMissing(error),
  );
}
