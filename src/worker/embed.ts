/** One embedding job: face, alignment, projection in chunks, result. Everything it writes is fenced by its attempt. */
import { createHash } from 'node:crypto';
import {
  type EmbeddingRecord,
  type Face,
  type Progress,
  type Recovery,
  STYLE_DIM,
  STYLES,
} from '../contracts.js';
import type { ProjectChunk, ProjectChunkResult } from '../engine/protocol.js';
import { AppError } from '../errors.js';
import { chosenFaces } from '../face-choice.js';
import { withPreset } from '../models/stylegan/presets.js';
import { untied } from '../models/stylegan/untie.js';
import { attemptPrefix, embeddingPrefix } from '../store/blob-keys.js';
import type { BlobStore } from '../store/blobs.js';
import type { Records } from '../store/records.js';
import { NO_TRACING, type Tracing } from '../tracing/tracing.js';
import { abortable } from './abortable.js';
import type { Engine } from './engine-client.js';
import { type Advance, Divergence, project } from './projection.js';

export interface EmbedDeps {
  records: Pick<Records, 'get' | 'begin' | 'progress' | 'succeed'>;
  blobs: BlobStore;
  engine: Engine;
  /** Takes steps, perhaps together with those of other jobs (see `Batcher`). Rejects as soon as the signal aborts. */
  project: (chunk: ProjectChunk, signal: AbortSignal) => Promise<ProjectChunkResult>;
  /** What the engine reported when it was warmed up. */
  generator: { name: string; hash: string };
  device: string;
  /** Milliseconds of a clock that only runs forward. */
  clock: () => number;
  /** Hears that the projection went wrong and is taken back. */
  onRecovery?: ((recovery: Recovery) => void) | undefined;
  /** None: no spans of the steps and of what is stored. */
  tracing?: Pick<Tracing, 'span'> | undefined;
}

export interface EmbedPayload {
  id: string;
  /** Fencing token: grows with every delivery of the job. */
  attempt: number;
}

/** `abandoned`: the embedding was cancelled, deleted, or taken over by a newer attempt; nothing of this one is left. */
export type EmbedOutcome = 'succeeded' | 'abandoned';

/** Ends the job quietly: its record no longer belongs to this attempt. */
class Superseded extends Error {}

/**
 * Embeds one stored photo. Rejects with an `AppError` that tells whether a retry can help, and with the signal's reason
 * when aborted. The original stays; every other blob lies in a folder of this attempt.
 */
export async function embed(
  deps: EmbedDeps,
  { id, attempt }: EmbedPayload,
  signal: AbortSignal,
): Promise<EmbedOutcome> {
  const mayBegin = await deps.records.begin(id, attempt);
  const record = await deps.records.get(id);
  // An attempt that was lost while the embedding was deleted may have stored something after that.
  if (!record || record.state === 'expired') await deps.blobs.deletePrefix(embeddingPrefix(id));
  if (!mayBegin || !record) return 'abandoned';
  try {
    await dropBlobsOfEarlierAttempts(deps, id, attempt);
    await run(deps, record, attempt, signal);
    return 'succeeded';
  } catch (error) {
    if (!(error instanceof Superseded)) throw error;
    await deps.blobs.deletePrefix(attemptPrefix(id, attempt));
    return 'abandoned';
  }
}

async function run(
  deps: EmbedDeps,
  record: EmbeddingRecord,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const { blobs, generator, device, tracing = NO_TRACING } = deps;
  const { options } = record;
  const begun = deps.clock();
  const engine: Engine = { call: (method, params) => abortable(deps.engine.call(method, params), signal) };
  const keys = { ...record.blobs };
  const store = async (
    kind: 'aligned' | 'preview' | 'reconstruction' | 'latent',
    name: string,
    bytes: Uint8Array,
  ) => {
    const key = attemptPrefix(record.id, attempt) + name;
    await tracing.span('store', { attributes: { 'latentmorph.blob': kind } }, () => blobs.put(key, bytes));
    keys[kind] = key;
  };
  const owned = async (write: Promise<boolean>): Promise<void> => {
    if (!(await write)) throw new Superseded();
  };

  const image = await originalOf(deps, record);
  const found = await facesOf(engine, record, image);
  const { aligned, target, quad } = await engine.call('align', { image, landmarks: found.face.landmarks });
  await store('aligned', 'aligned.png', aligned);
  await owned(
    deps.records.progress(record.id, attempt, {
      ...found.patch,
      quad,
      generator,
      device,
      blobs: { ...keys },
    }),
  );

  const { latent } = await engine.call('start', {
    start: withPreset(options).start,
    target,
    styles: options.styles,
    seed: options.seed,
  });
  const report = async (advance: Advance): Promise<void> => {
    await store('preview', 'preview.jpg', advance.preview);
    await owned(
      deps.records.progress(record.id, attempt, {
        progress: progressOf(advance),
        losses: [...advance.losses],
        ...(advance.recoveries.length > 0 && { recoveries: [...advance.recoveries] }),
        blobs: { ...keys },
      }),
    );
  };
  const keepLastGood = async ({ losses, lastGood, recoveries }: Divergence): Promise<void> => {
    if (!lastGood) return;
    const { step, loss } = lastGood;
    await store('latent', 'latent.f32', bytesOf(untied(lastGood.latent, { layers: STYLES, dim: STYLE_DIM })));
    await owned(
      deps.records.progress(record.id, attempt, {
        lastGood: { step, loss },
        losses: [...losses],
        ...(recoveries.length > 0 && { recoveries: [...recoveries] }),
        blobs: { ...keys },
      }),
    );
  };
  const steps = {
    project: (chunk: ProjectChunk) => {
      const attributes = { 'latentmorph.step': chunk.step, 'latentmorph.steps': chunk.learningRates.length };
      return tracing.span('steps', { attributes }, () => deps.project(chunk, signal));
    },
    clock: deps.clock,
    onRecovery: deps.onRecovery,
  };
  const projected = await project(steps, { target, latent, options }, report).catch(
    async (error: unknown) => {
      if (!(error instanceof Divergence)) throw error;
      await keepLastGood(error);
      throw diverged(error);
    },
  );

  const { width, height } = { ...record, ...found.patch };
  const photo = { aligned, landmarks: found.face.landmarks, quad, width, height };
  const last = { latent: projected.latent, target, pixelWeight: options.pixelWeight, photo };
  const final = await engine.call('finish', last);
  const seconds = (deps.clock() - begun) / 1000;
  const bytes = bytesOf(final.latent);
  await store('reconstruction', 'reconstruction.png', final.reconstruction);
  await store('latent', 'latent.f32', bytes);
  await owned(
    deps.records.succeed(record.id, attempt, {
      quality: { ...final.quality, steps: projected.steps, seconds, device },
      latentHash: createHash('sha256').update(bytes).digest('hex'),
      seconds,
      ...(projected.steps < options.steps && { stoppedAt: projected.steps }),
      blobs: { ...keys },
    }),
  );
}

async function originalOf({ blobs, records }: EmbedDeps, record: EmbeddingRecord): Promise<Uint8Array> {
  const image = record.blobs.original && (await blobs.get(record.blobs.original));
  if (image) return image;
  if (!(await records.get(record.id))) throw new Superseded();
  throw new AppError('IMAGE_UNREADABLE', { detail: 'The stored photo is gone; post it again.' });
}

/** The API stores the faces at intake; a record without them is examined here. */
async function facesOf(
  engine: Engine,
  record: EmbeddingRecord,
  image: Uint8Array,
): Promise<{ face: Face; patch: Pick<EmbeddingRecord, 'width' | 'height' | 'faces' | 'face'> }> {
  const known = record.faces?.[record.face ?? 0];
  if (known) return { face: known, patch: {} };
  const { width, height, faces } = await engine.call('detect', { image });
  if (faces.length === 0) throw new AppError('FACE_NOT_FOUND');
  const [index] = chosenFaces(record.face ?? 'largest', faces.length) as [number];
  return { face: faces[index]!, patch: { width, height, faces, face: index } };
}

function diverged({ step, lastGood, recoveries }: Divergence): AppError {
  const tried = recoveries.length > 0 ? ` in spite of ${recoveries.length} recoveries` : '';
  const kept = lastGood ? ` The latent of step ${lastGood.step} is kept.` : '';
  return new AppError('LATENT_DIVERGED', {
    detail: `The projection diverged at step ${step}${tried}; try a smaller learningRate.${kept}`,
  });
}

function progressOf({ losses, steps, msPerStep }: Advance): Progress {
  const step = losses.length;
  const secondsLeft = Math.round((steps - step) * msPerStep) / 1000;
  return { step, steps, loss: losses[step - 1] ?? 0, secondsLeft };
}

/** W+ as raw little-endian float32, the byte order of every platform Node runs on. */
const bytesOf = (latent: Float32Array): Uint8Array =>
  new Uint8Array(latent.buffer, latent.byteOffset, latent.byteLength);

/** An attempt that crashed left its folder behind. */
async function dropBlobsOfEarlierAttempts({ blobs }: EmbedDeps, id: string, attempt: number): Promise<void> {
  for (let earlier = attempt - 1; earlier > 0; earlier--) {
    await blobs.deletePrefix(attemptPrefix(id, earlier));
  }
}
