/** Looks at all faces of a photo for somebody who waits, and leaves nothing else behind. */
import { AppError } from '../errors.js';
import type { RenderJob } from '../jobs.js';
import type { BlobStore } from '../store/blobs.js';
import type { Engine } from './engine-client.js';

/** Leaves what is seen in the blob `result`, unless the photo is deleted meanwhile: then nobody waits any more. */
export async function lookAtFaces(
  { blobs, engine }: { blobs: BlobStore; engine: Engine },
  { kind, blob, result }: RenderJob & { kind: 'detect' | 'faces' },
): Promise<void> {
  const image = await blobs.get(blob);
  if (!image) throw new AppError('BUSY', { detail: 'The photo was given up; send it again.' });
  const seen = await engine.call(kind, { image });
  await blobs.put(result, Buffer.from(JSON.stringify(seen)));
  if (!(await blobs.has(blob))) await blobs.delete(result);
}
