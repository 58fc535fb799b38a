/** How a stored record looks from outside. */
import type { EmbeddingRecord } from '../contracts.js';
import { ERRORS, type ErrorCode } from '../errors.js';
import { type Embedding, IMAGE_KINDS } from './schemas.js';

export function present(record: EmbeddingRecord): Embedding {
  const { id, state, createdAt, startedAt, finishedAt, options, width, height } = record;
  const { labels, reference, priority, store, imported } = record;
  const {
    faces,
    face,
    quad,
    progress,
    losses,
    stoppedAt,
    lastGood,
    recoveries,
    quality,
    generator,
    device,
    seconds,
    error,
    blobs,
  } = record;
  const self = `/embeddings/${id}`;
  const images = IMAGE_KINDS.filter((kind) => blobs[kind]).map((kind) => [
    kind,
    `${self}/image?kind=${kind}`,
  ]);
  return {
    id,
    state,
    createdAt,
    startedAt,
    finishedAt,
    expiresAt: record.expiresAt ?? null,
    labels,
    reference,
    priority,
    store,
    imported,
    options,
    width,
    height,
    faces: faces?.map(({ box, score }, i) => ({ box, score, selected: i === face })),
    quad,
    progress: progress && { ...progress, fraction: progress.step / progress.steps },
    losses,
    stoppedAt,
    lastGood,
    recoveries,
    quality,
    generator,
    device,
    seconds,
    error: error && presentError(error),
    links: { self, ...Object.fromEntries(images) },
  };
}

function presentError({ code, detail }: NonNullable<EmbeddingRecord['error']>): Embedding['error'] {
  // A newer worker may know a code that this process does not.
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'INTERNAL';
  const { status, title } = ERRORS[known];
  return { status, code, title, detail };
}

/** Seconds after which asking again is worth it; undefined when the embedding is finished. */
export function retryAfter({ state, progress }: EmbeddingRecord): number | undefined {
  if (state !== 'queued' && state !== 'running') return undefined;
  return Math.min(10, Math.max(1, Math.ceil((progress?.secondsLeft ?? 2) / 2)));
}
