/** Sends image bytes with a strong ETag, or 304 when the client has them. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

const SIGNATURES: readonly [type: string, matches: (bytes: Buffer) => boolean][] = [
  ['image/jpeg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
  ['image/png', (bytes) => bytes.subarray(1, 4).toString('latin1') === 'PNG'],
  ['image/webp', (bytes) => bytes.subarray(8, 12).toString('latin1') === 'WEBP'],
  ['image/avif', (bytes) => bytes.subarray(4, 12).toString('latin1') === 'ftypavif'],
];

/** Media type of image bytes that this service wrote itself. */
export function mediaType(bytes: Buffer): string {
  const found = SIGNATURES.find(([, matches]) => matches(bytes));
  if (!found) throw new Error('Expected JPEG, PNG, WebP or AVIF bytes in an image blob');
  return found[0];
}

/** True when `If-None-Match` names the tag. Comparison is weak, as RFC 9110 wants it here. */
export function isCached(request: FastifyRequest, tag: string): boolean {
  const header = request.headers['if-none-match'];
  if (!header) return false;
  return header.split(',').some((item) => ['*', `"${tag}"`, `W/"${tag}"`].includes(item.trim()));
}

/** Sets the validators. Caches must ask again each time: a deleted face may not be served from them. */
export function tagged(reply: FastifyReply, tag: string): FastifyReply {
  return reply.header('etag', `"${tag}"`).header('cache-control', 'private, no-cache');
}

export function sendImage(reply: FastifyReply, bytes: Buffer): FastifyReply {
  return reply.header('x-content-type-options', 'nosniff').type(mediaType(bytes)).send(bytes);
}

/** Sends bytes as they come. A failure of theirs ends the connection before the end of the body, which the client notices. */
export function sendStream(
  reply: FastifyReply,
  bytes: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
): FastifyReply {
  return reply.header('x-content-type-options', 'nosniff').send(Readable.from(bytes, { objectMode: false }));
}
