/** Short jobs that an HTTP request waits for: a morph or its smoothness into the blob store, or the faces of a photo. */
import { type Detection, type RenderJob, STYLE_DIM, STYLES } from '../contracts.js';
import { AppError } from '../errors.js';
import { perceptualPathLength } from '../models/metrics/ppl.js';
import { renderBlob } from '../store/blob-keys.js';
import type { BlobStore } from '../store/blobs.js';
import type { Engine } from './engine-client.js';

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
      const target = renderBlob(job.key);
      if (await deps.blobs.has(target)) return undefined;
      const [a, b] = await Promise.all([latentOf(deps, job.a), latentOf(deps, job.b)]);
      const { mode, lambda, crossover, size, format } = job;
      const { image } = await deps.engine.call('morph', { a, b, mode, lambda, crossover, size, format });
      await deps.blobs.put(target, image);
      return undefined;
    }
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
