/** Accepts the photos of one request, all together or not at all. */
import type { Detection, EmbeddingOptions, EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import { encodeUpright, sniffPhoto } from '../images.js';
import { embeddingBlob, embeddingPrefix } from '../store/blob-keys.js';
import type { AppDeps } from './app.js';
import type { OnStored } from './idempotent.js';
import type { Upload } from './upload.js';

export type AcceptDeps = Pick<
  AppDeps,
  'config' | 'records' | 'blobs' | 'queues' | 'now' | 'newId' | 'patience'
>;

/** Stores and enqueues the photos and returns their records; `onStored` is called in between. On any refusal nothing stays stored. */
export async function accept(
  deps: AcceptDeps,
  tenant: string,
  { photos, options }: Upload,
  onStored: OnStored,
): Promise<EmbeddingRecord[]> {
  const ids = photos.map(() => deps.newId());
  try {
    const records = await all(
      photos.map((photo, i) => examine(deps, { id: ids[i]!, tenant }, photo, options)),
    );
    for (const record of records) {
      if (!(await deps.records.create(record))) throw new Error(`The id ${record.id} is taken`);
    }
    await onStored(ids);
    await deps.queues.enqueueEmbed(...records);
    return records;
  } catch (error) {
    await Promise.allSettled(ids.map((id) => discard(deps, tenant, id)));
    throw error;
  }
}

async function examine(
  deps: AcceptDeps,
  { id, tenant }: { id: string; tenant: string },
  photo: Uint8Array,
  options: EmbeddingOptions,
): Promise<EmbeddingRecord> {
  const { width, height } = await sniffPhoto(photo, { maxPixels: deps.config.maxPixels });
  // Stored upright and bare, once, rather than as received: no metadata (where it was taken) ever reaches the disk, and
  // the boxes and the quad are pixels of exactly the file that is served.
  const original = embeddingBlob(id, 'original.jpg');
  await deps.blobs.put(original, await encodeUpright(photo));
  const found = await detect(deps, original);
  return {
    id,
    tenant,
    state: 'queued',
    createdAt: deps.now().toISOString(),
    options,
    attempt: 0,
    width: found?.width ?? width,
    height: found?.height ?? height,
    ...(found ? { faces: found.faces, face: 0 } : {}),
    blobs: { original },
  };
}

/** The faces, largest first; undefined when no worker answers in time: the embedding job then looks itself. */
async function detect({ queues, patience }: AcceptDeps, blob: string): Promise<Detection | undefined> {
  try {
    const detection = (await queues.render({ kind: 'detect', blob }, patience.detectMs)) as Detection;
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

/** Waits for all, then throws the first refusal with the number of its photo. */
async function all<T>(photos: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(photos);
  return results.map((result, index) => {
    if (result.status === 'fulfilled') return result.value;
    const error: unknown = result.reason;
    if (!(error instanceof AppError) || error.status >= 500) throw error;
    const which = photos.length > 1 ? `Photo ${index + 1} of ${photos.length}: ` : '';
    const detail = error.detail === undefined ? undefined : which + error.detail;
    throw new AppError(error.code, { detail, extra: { ...error.extra, index }, cause: error });
  });
}

async function discard({ records, blobs, queues }: AcceptDeps, tenant: string, id: string): Promise<void> {
  await blobs.deletePrefix(embeddingPrefix(id));
  await records.remove(tenant, id);
  await queues.cancelEmbed(id);
  await records.forget(id);
}
