/** The reconstruction of an embedding drawn into its photo: a render like a morph, of one latent. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type EmbeddingRecord, STYLES } from '../contracts.js';
import { AppError } from '../errors.js';
import { DEFAULT_QUALITY } from '../images.js';
import { blendKey, placedKey, tenantHash } from '../store/render-key.js';
import type { AppDeps } from './app.js';
import { imageFormat } from './image-format.js';
import { isCached, sendImage, tagged } from './image-reply.js';
import { made } from './morph-pair.js';
import type { ImageQuery } from './morph-schemas.js';
import { placeOf, squareSize } from './placement.js';

/** Throws IMAGE_NOT_READY, ORIGINAL_NOT_KEPT, BAD_REQUEST, and what the render fails with. */
export async function sendPlaced(
  deps: AppDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  query: ImageQuery,
  record: EmbeddingRecord,
): Promise<FastifyReply> {
  const { tenant, state, generator, latentHash, blobs } = record;
  if (state !== 'succeeded' || !generator || !latentHash || !blobs.latent) {
    const detail = `The embedding is ${state}; only one that succeeded has a reconstruction.`;
    throw new AppError('IMAGE_NOT_READY', { detail, extra: { state } });
  }
  const place = (await placeOf(deps, tenant, query, { id: record.id }))!;
  const format = imageFormat(request, reply, query.format);
  const shown = {
    space: 'w' as const,
    weights: [Array.from({ length: STYLES }, () => 1)],
    size: squareSize(query),
    format,
    quality: format === 'png' ? undefined : (query.quality ?? DEFAULT_QUALITY),
  };
  const key = placedKey(
    blendKey({ latents: [tenantHash(tenant, latentHash)], generator: generator.hash, ...shown }),
    place,
  );
  tagged(reply, key);
  if (isCached(request, key)) return reply.code(304).send(null);
  const job = { kind: 'blend' as const, key, latents: [blobs.latent], place, ...shown };
  return sendImage(reply, await made(deps, job, [record.id]));
}

/** Throws BAD_REQUEST for parameters that mean something only where the reconstruction is drawn into the photo. */
export function checkImageQuery({ kind, placement, size, format, quality }: ImageQuery): void {
  if (placement === 'original') {
    if (kind === 'reconstruction') return;
    throw new AppError('BAD_REQUEST', {
      detail: `Received placement original with kind ${kind}; expected kind reconstruction, or no \`placement\`.`,
    });
  }
  const given = Object.entries({ size, format, quality }).find(([, value]) => value !== undefined);
  if (given)
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`${given[0]}\` with placement aligned, whose image is as it was stored; expected placement original, or no \`${given[0]}\`.`,
    });
}
