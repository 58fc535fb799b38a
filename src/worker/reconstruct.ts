/** Draws a latent that was sent, if it is one that the generator can make something of. */
import { AppError } from '../errors.js';
import type { RenderJob } from '../jobs.js';
import type { BlobStore } from '../store/blobs.js';
import type { Engine } from './engine-client.js';
import type { Latents } from './latents.js';

/** Side of a reconstruction in pixels. */
const SIZE = 1024;
/** Mean P_N norm above which a latent is none: docs/decisions/0021 says how it was chosen. */
export const MAX_PN = 100;

/** Leaves the image in the blob of the job. Throws LATENT_INVALID for a latent far from all that the generator makes. */
export async function reconstruct(
  { blobs, engine, latents }: { blobs: BlobStore; engine: Engine; latents: Latents },
  job: RenderJob & { kind: 'reconstruct' },
): Promise<void> {
  const latent = await latents.get(job.latent);
  const { mean } = await engine.call('norms', { latent });
  if (!(mean <= MAX_PN))
    throw new AppError('LATENT_INVALID', {
      detail: `The latent lies far from all that the generator makes: mean P_N norm ${mean.toPrecision(3)}; expected at most ${MAX_PN}, and about 1 to 5 for an embedding..`,
    });
  const { image } = await engine.call('render', { latent, size: SIZE, format: 'png' });
  await blobs.put(job.image, image);
  // Nobody waits any more: the latent was taken back meanwhile, perhaps before this image came.
  if (!(await blobs.has(job.latent))) await blobs.delete(job.image);
}
