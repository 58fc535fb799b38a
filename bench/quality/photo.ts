/** One photo embedded and judged. A result is kept under the cache, so that a long run can be cut off and goes on. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { EmbedAlone, JobProgress, JobResult } from '../../src/cli/offline/embed-alone.js';
import type { EmbeddingOptions } from '../../src/contracts.js';
import type { ModelManifest } from '../../src/models/manifest.js';
import { bytesOf, floats } from '../floats.js';
import { CACHE } from '../workspace.js';
import type { QualityJudge } from './judge.js';
import { keyOf } from './key.js';
import type { SourcePhoto } from './source.js';

/** A run that ends with an LPIPS above this share of the average face's has not found the face. */
const LOST = 0.7;
/** Steps after which no preview may look less like the photo than the average face does. */
const SETTLED = 20;

export const PhotoResult = Type.Object({
  id: Type.String(),
  seconds: Type.Number(),
  /** Seconds from the aligned face to the first preview. */
  firstPreview: Type.Number(),
  steps: Type.Integer(),
  /** Ended without a finite loss, ended lost, or was worse than the average face after it should have settled. */
  diverged: Type.Boolean(),
  /** The paper's loss at 256 px without and with its pixel term, whatever the steps were judged by. */
  perceptual: Type.Number(),
  loss: Type.Number(),
  lpips: Type.Number(),
  mse: Type.Number(),
  /** Distance of the face descriptors of photo and reconstruction. */
  identity: Type.Number(),
  pnMean: Type.Number(),
  pnMax: Type.Number(),
  averageLpips: Type.Number(),
  /** LPIPS of the previews, JPEG 256 px. */
  curve: Type.Array(Type.Object({ step: Type.Integer(), lpips: Type.Number() })),
  losses: Type.Array(Type.Number()),
  warnings: Type.Array(Type.String()),
});
export type PhotoResult = Static<typeof PhotoResult>;

export interface Embedded {
  result: PhotoResult;
  /** Identifies photo, options, weights and code. */
  key: string;
  /** W+ [16,512]. */
  latent: Float32Array;
  /** PNG 1024 px, JPEG 256 px, PNG 1024 px. */
  aligned: Uint8Array;
  start: Uint8Array;
  reconstruction: Uint8Array;
  cached: boolean;
}

export interface PhotoBench {
  manifest: ModelManifest;
  service: EmbedAlone;
  judge: QualityJudge;
}

const FILES = {
  latent: 'latent.f32',
  aligned: 'aligned.png',
  start: 'start.jpg',
  reconstruction: 'result.png',
};

/** The kept result, or a new one; undefined for a photo without a face. */
export async function embedded(
  bench: PhotoBench,
  photo: SourcePhoto,
  options: EmbeddingOptions,
  onProgress: (progress: JobProgress) => void = () => {},
): Promise<Embedded | undefined> {
  const key = keyOf(bench.manifest, photo.hash, options);
  const folder = join(CACHE, 'quality', `${photo.id}-${key}`);
  const kept = await read(folder, key);
  if (kept) return kept;
  const face = await photo.open(bench.service);
  if (!face) return undefined;
  const job = await bench.service.embed(face, options, onProgress);
  const { aligned, previews } = job;
  if (!aligned) throw new Error(`The job on ${photo.id} left no aligned face`);
  const { judge } = bench;
  // A start without a finite loss leaves no latent.
  const latent = job.latent ? floats(job.latent) : judge.average;
  const { png, pixel, ...measured } = await judge.likeness(latent, aligned);
  const start = previews[0]?.image ?? png;
  const curve = await curveOf(judge, previews, aligned);
  const averageLpips = await judge.averageLpips(aligned);
  const result: PhotoResult = {
    id: photo.id,
    seconds: job.seconds,
    firstPreview: job.firstPreview,
    steps: job.steps,
    diverged: hasDiverged({ ended: job.ended, lpips: measured.lpips, averageLpips, curve }),
    ...measured,
    loss: measured.perceptual + options.pixelWeight * pixel,
    averageLpips,
    curve,
    losses: job.losses,
    warnings: job.quality?.warnings?.map(({ code }) => code) ?? [],
  };
  await keep(folder, { latent: bytesOf(latent), aligned, start, reconstruction: png }, result);
  return { result, key, latent, aligned, start, reconstruction: png, cached: false };
}

async function curveOf(
  judge: QualityJudge,
  previews: JobResult['previews'],
  aligned: Uint8Array,
): Promise<PhotoResult['curve']> {
  const images = previews.map(({ image }) => image);
  const values = await judge.lpips(images, aligned);
  return previews.map(({ step }, i) => ({ step, lpips: values[i]! }));
}

/** Whether a run failed, ended lost, or strayed beyond the average face after its first steps. */
export function hasDiverged(
  run: Pick<PhotoResult, 'lpips' | 'averageLpips' | 'curve'> & { ended: boolean },
): boolean {
  const strayed = run.curve.some(({ step, lpips }) => step >= SETTLED && lpips > run.averageLpips);
  return !run.ended || !(run.lpips <= LOST * run.averageLpips) || strayed;
}

async function read(folder: string, key: string): Promise<Embedded | undefined> {
  try {
    const result: unknown = JSON.parse(await readFile(join(folder, 'result.json'), 'utf8'));
    if (!Value.Check(PhotoResult, result)) return undefined;
    const [latent, aligned, start, reconstruction] = await Promise.all(
      Object.values(FILES).map((name) => readFile(join(folder, name))),
    );
    return {
      result,
      key,
      latent: floats(latent!),
      aligned: aligned!,
      start: start!,
      reconstruction: reconstruction!,
      cached: true,
    };
  } catch {
    return undefined;
  }
}

/** The result comes last, so that half a folder is not taken for a whole one. */
async function keep(
  folder: string,
  files: Record<keyof typeof FILES, Uint8Array>,
  result: PhotoResult,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, file] of Object.entries(FILES))
    await writeFile(join(folder, file), files[name as keyof typeof FILES]);
  const partial = join(folder, `result.${process.pid}.partial`);
  await writeFile(partial, JSON.stringify(result));
  await rename(partial, join(folder, 'result.json'));
}
