/** Takes one photo in: checks it, stores it upright and bare, finds its faces, and makes a record for each that is wanted. */
import type { Detection, EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import { chosenFaces, type FaceChoice } from '../face-choice.js';
import { encodeUpright, sniffPhoto } from '../images.js';
import { embeddingBlob } from '../store/blob-keys.js';
import type { AppDeps } from './app.js';
import { lookAt } from './look-at.js';
import { expiryOf } from './retention.js';
import type { SentPhoto, Upload } from './upload.js';

export type IntakeDeps = Pick<AppDeps, 'config' | 'blobs' | 'disk' | 'queues' | 'now' | 'newId' | 'patience'>;

/** The records, not stored yet; their blobs are. Throws what is wrong with the photo, and BUSY (see `wanted`). */
export async function examine(
  deps: IntakeDeps,
  tenant: string,
  photo: SentPhoto,
  { options, tags, face, retention }: Pick<Upload, 'options' | 'tags' | 'face' | 'retention'>,
): Promise<EmbeddingRecord[]> {
  if (photo instanceof AppError) throw photo;
  const { width, height } = await sniffPhoto(photo, { maxPixels: deps.config.maxPixels });
  // Stored upright and bare, once, rather than as received: no metadata (where it was taken) ever reaches the disk, and
  // the boxes and the quad are pixels of exactly the file that is served.
  const bare = await encodeUpright(photo);
  const first = await stored(deps, bare);
  const found = await detect(deps, first.original);
  const [index, ...others] = wanted(found, face) as [number, ...number[]];
  const now = deps.now();
  const expiresAt = expiryOf(now, retention ?? deps.config.retentionSeconds);
  const record = (own: { id: string; original: string }, index: number): EmbeddingRecord => ({
    id: own.id,
    tenant,
    ...tags,
    state: 'queued',
    createdAt: now.toISOString(),
    ...(expiresAt && { expiresAt }),
    options,
    attempt: 0,
    width: found?.width ?? width,
    height: found?.height ?? height,
    ...(found && { faces: found.faces }),
    face: index,
    blobs: { original: own.original },
  });
  // Each face has a photo of its own, so that one can be deleted without a look at the others.
  const copies = await Promise.all(others.map(async (one) => record(await stored(deps, bare), one)));
  return [record(first, index), ...copies];
}

async function stored(
  { blobs, newId }: IntakeDeps,
  photo: Uint8Array,
): Promise<{ id: string; original: string }> {
  const id = newId();
  const original = embeddingBlob(id, 'original.jpg');
  await blobs.put(original, photo);
  return { id, original };
}

/**
 * Indices of the faces to embed. Where no worker looked in time, the embedding job will: it takes the largest, or the
 * index that is wanted, if there is one. How many embeddings `all` makes nobody can tell then: BUSY.
 */
function wanted(found: Detection | undefined, face: FaceChoice): number[] {
  if (found) return chosenFaces(face, found.faces.length);
  if (face !== 'all') return [face === 'largest' ? 0 : face];
  throw new AppError('BUSY', {
    detail: 'No worker was free to count the faces of the photo; try again, or send `face=largest`.',
  });
}

/** The faces, largest first; undefined when no worker answers in time: the embedding job then looks itself. */
async function detect(deps: IntakeDeps, blob: string): Promise<Detection | undefined> {
  try {
    const detection = await lookAt(deps, 'detect', blob, deps.patience.detectMs);
    if (detection.faces.length > 0) return detection;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'BUSY' || error.code === 'ENGINE_FAILED'))
      return undefined;
    throw error;
  }
  throw new AppError('FACE_NOT_FOUND', {
    detail: 'No face was found. Send a photo that shows a face clearly, upright and not too small.',
  });
}
