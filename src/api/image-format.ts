/** Which format an image is sent in: the one asked for, or the one that the client likes best. */
import { negotiate } from '@fastify/accept-negotiator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IMAGE_FORMATS, type ImageFormat } from '../contracts.js';

/** Of formats that a client likes alike, the first is taken: AVIF takes a second longer to encode than the others. */
const PREFERRED: readonly ImageFormat[] = ['jpeg', 'webp', 'png', 'avif'];

export const IMAGE_TYPES = IMAGE_FORMATS.map((format) => `image/${format}`);

/** `format` where it is given; else what `Accept` names of the formats, which the answer then says in `Vary`; else JPEG. */
export function imageFormat(
  request: FastifyRequest,
  reply: FastifyReply,
  format: ImageFormat | undefined,
): ImageFormat {
  if (format) return format;
  reply.header('vary', 'accept');
  const types = PREFERRED.map((known) => `image/${known}`);
  const type = negotiate(request.headers.accept ?? '', types);
  return PREFERRED[types.indexOf(type ?? '')] ?? 'jpeg';
}
