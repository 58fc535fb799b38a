/** Short jobs that an HTTP request waits for: the image of a mixed latent or the smoothness of a morph into the blob store, or the faces of a photo. */
import { type Place, STYLE_DIM, STYLES } from '../contracts.js';
import type { Drawn } from '../engine/protocol.js';
import { AppError } from '../errors.js';
import type { RenderJob } from '../jobs.js';
import { paceOf } from '../models/metrics/pace.js';
import { perceptualPathLength } from '../models/metrics/ppl.js';
import { blend, morph } from '../models/morph.js';
import { renderBlob } from '../store/blob-keys.js';
import type { BlobStore } from '../store/blobs.js';
import type { Engine } from './engine-client.js';
import type { Latents } from './latents.js';
import { lookAtFaces } from './look-at-faces.js';
import { reconstruct } from './reconstruct.js';

const SHAPE = { layers: STYLES, dim: STYLE_DIM };

export interface RenderDeps {
  blobs: BlobStore;
  engine: Engine;
  latents: Latents;
}

/** Leaves what was made or seen in a blob, mostly `renders/<key>`. */
export async function render(deps: RenderDeps, job: RenderJob): Promise<void> {
  switch (job.kind) {
    case 'detect':
    case 'faces':
      return lookAtFaces(deps, job);
    case 'reconstruct':
      return reconstruct(deps, job);
    case 'morph': {
      const { mode, lambda, crossover } = job;
      return image(deps, job, async () => {
        const [a, b] = await Promise.all([deps.latents.get(job.a), deps.latents.get(job.b)]);
        return { latent: morph(a, b, SHAPE, { mode, lambda, crossover }) };
      });
    }
    case 'blend':
      return image(deps, job, async () => {
        const latents = await Promise.all(job.latents.map((key) => deps.latents.get(key)));
        return { latent: blend(latents, SHAPE, job) };
      });
    case 'region':
      return image(deps, job, async () => {
        const [a, b] = await Promise.all([deps.latents.get(job.a), deps.latents.get(job.b)]);
        return { a, b, parts: job.parts, map: job.map, lambda: job.lambda };
      });
    case 'grid':
      return grid(deps, job);
    case 'smoothness':
    case 'pace': {
      const target = renderBlob(job.key);
      if (await deps.blobs.has(target)) return undefined;
      const [a, b] = await Promise.all([deps.latents.get(job.a), deps.latents.get(job.b)]);
      const { mode, crossover } = job;
      // A call for each sample: morphs that others wait for pass in between.
      const path = { a, b, mode, crossover };
      const measured =
        job.kind === 'pace'
          ? await paceOf(async (from, to) => {
              const { lpips } = await deps.engine.call('pathLpips', { ...path, from, to });
              return lpips;
            })
          : await perceptualPathLength(async (from, to) => {
              const { squared } = await deps.engine.call('pathDistance', { ...path, from, to });
              return squared;
            });
      await deps.blobs.put(target, Buffer.from(JSON.stringify(measured)));
      return undefined;
    }
  }
}

/** Leaves an image in the blob of the job, unless it is there. */
async function image(
  { blobs, engine }: RenderDeps,
  { key, size, place, format, quality }: RenderJob & { kind: 'morph' | 'blend' | 'region' },
  drawn: () => Promise<Drawn>,
): Promise<undefined> {
  const target = renderBlob(key);
  if (await blobs.has(target)) return;
  const encoding = { ...(await drawn()), format, quality };
  const { image } = place
    ? await engine.call('paste', { ...encoding, place: { ...place, photo: await photoOf(blobs, place) } })
    : await engine.call('render', { ...encoding, size });
  await blobs.put(target, image);
}

async function photoOf(blobs: BlobStore, { original }: Place): Promise<Uint8Array> {
  const photo = await blobs.get(original);
  if (!photo) throw new AppError('ORIGINAL_NOT_KEPT', { detail: 'The photo was deleted.' });
  return photo;
}

/** Leaves a labelled picture of many morphs in the blob of the job, unless it is there. */
async function grid(deps: RenderDeps, job: RenderJob & { kind: 'grid' }): Promise<undefined> {
  const target = renderBlob(job.key);
  if (await deps.blobs.has(target)) return;
  const { lambdas, cell, format, quality } = job;
  const [a, b] = await Promise.all([deps.latents.get(job.a), deps.latents.get(job.b)]);
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
