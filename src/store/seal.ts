/** The seal of a blob: what was stored followed by 4 bytes that name the form and the SHA-256 of all before, 36 bytes in all. */
import { createHash, timingSafeEqual } from 'node:crypto';

const FORM = Buffer.from('LMs1', 'latin1');
const HASH_BYTES = 32;
const SEAL_BYTES = FORM.length + HASH_BYTES;

export function sealed(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, FORM, hashOf(bytes)]);
}

/** What was sealed; undefined where it was cut short or changed since, or never sealed. */
export function opened(bytes: Buffer): Buffer | undefined {
  const end = bytes.length - SEAL_BYTES;
  if (end < 0 || !bytes.subarray(end, end + FORM.length).equals(FORM)) return undefined;
  const content = bytes.subarray(0, end);
  return timingSafeEqual(hashOf(content), bytes.subarray(end + FORM.length)) ? content : undefined;
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).update(FORM).digest();
