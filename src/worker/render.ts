/** Short jobs that an HTTP request waits for: the image of a mixed latent or the smoothness of a morph into the blob store, or the faces of a photo. */
import { type Detection, type RenderJob, STYLE_DIM, STYLES } from '../contracts.js';
import { AppError } from '../errors.js';
import { perceptualPathLength } from '../models/metrics/ppl.js';
import { blend, morph } from '../models/morph.js';
import { renderBlob } from '../store/blob-keys.js';
import type { BlobStore } from '../store/blobs.js';
import type { Engine } from './engine-client.js';

const SHAPE = { layers: STYLES, dim: STYLE_DIM };

export interface RenderDeps {
  blobs: BlobStore;
  engine: Engine;
}

/** Returns the faces of a `detect` job; the others leave what they made in the blob `renders/<key>` and return nothing. */
export async function render(deps: RenderDeps, job: RenderJob): Promise<Detection | undefined> {
  switch (job.kind) {
    case 'detect': {
      const image = await deps.blobs.get(job.blob);
      if (!image) throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'The photo was deleted.' });
      return deps.engine.call('detect', { image });
    }
    case 'morph': {
      const { mode, lambda, crossover } = job;
      return image(deps, job, async () => {
        const [a, b] = await Promise.all([latentOf(deps, job.a), latentOf(deps, job.b)]);
        return morph(a, b, SHAPE, { mode, lambda, crossover });
      });
    }
    case 'blend':
      return image(deps, job, async () => {
        const latents = await Promise.all(job.latents.map((key) => latentOf(deps, key)));
        return blend(latents, SHAPE, job);
      });
    case 'region':
      return region(deps, job);
    case 'grid':
      return grid(deps, job);
    case 'smoothness': {
      const target = renderBlob(job.key);
      if (await deps.blobs.has(target)) return undefined;
      const [a, b] = await Promise.all([latentOf(deps, job.a), latentOf(deps, job.b)]);
      const { mode, crossover } = job;
      // A call for each sample: morphs that others wait for pass in between.
      const measured = await perceptualPathLength(async (from, to) => {
        const { squared } = await deps.engine.call('pathDistance', { a, b, mode, crossover, from, to });
        return squared;
      });
      await deps.blobs.put(target, Buffer.from(JSON.stringify(measured)));
      return undefined;
    }
  }
}

/** Leaves the image of a latent in the blob of the job, unless it is there. */
async function image(
  { blobs, engine }: RenderDeps,
  { key, size, format, quality }: RenderJob & { kind: 'morph' | 'blend' },
  latent: () => Promise<Float32Array>,
): Promise<undefined> {
  const target = renderBlob(key);
  if (await blobs.has(target)) return;
  const { image } = await engine.call('render', { latent: await latent(), size, format, quality });
  await blobs.put(target, image);
}

/** Leaves the image of chosen parts of b in a in the blob of the job, unless it is there. */
async function region(
  { blobs, engine }: RenderDeps,
  job: RenderJob & { kind: 'region' },
): Promise<undefined> {
  const target = renderBlob(job.key);
  if (await blobs.has(target)) return;
  const [a, b] = await Promise.all([latentOf({ blobs, engine }, job.a), latentOf({ blobs, engine }, job.b)]);
  const { parts, map, lambda, size, format, quality } = job;
  const { image } = await engine.call('regions', { a, b, parts, map, lambda, size, format, quality });
  await blobs.put(target, image);
}

/** Leaves a labelled picture of many morphs in the blob of the job, unless it is there. */
async function grid(deps: RenderDeps, job: RenderJob & { kind: 'grid' }): Promise<undefined> {
  const target = renderBlob(job.key);
  if (await deps.blobs.has(target)) return;
  const { lambdas, cell, format, quality } = job;
  const [a, b] = await Promise.all([latentOf(deps, job.a), latentOf(deps, job.b)]);
  const rows: { image: Uint8Array; label: string }[][] = [];
  for (const { mode, crossover, label } of job.rows) {
    const row: (typeof rows)[number] = [];
    for (const lambda of lambdas) {
      // A call for each picture: morphs that others wait for pass in between.
      const latent = morph(a, b, SHAPE, { mode, lambda, crossover });
      const { image } = await deps.engine.call('render', { latent, size: cell, format: 'png' });
      row.push({ image, label: `${label}, ${lambda.toFixed(2)}` });
    }
    rows.push(row);
  }
  const { image } = await deps.engine.call('sheet', { rows, cell, format, quality });
  await deps.blobs.put(target, image);
}

/** A stored W+ latent [16,512]. The copy aligns it to four bytes, which a slice of Node's buffer pool need not be. */
async function latentOf({ blobs }: RenderDeps, key: string): Promise<Float32Array> {
  const bytes = await blobs.get(key);
  if (!bytes) throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'A latent of this morph was deleted.' });
  if (bytes.byteLength !== STYLES * STYLE_DIM * 4) {
    throw new Error(
      `Expected ${STYLES * STYLE_DIM * 4} bytes for the latent but received ${bytes.byteLength}`,
    );
  }
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
