/**
 * Animated WebP from still ones, frame by frame (WebP Container Specification, RFC 9649, section 2).
 *
 * The file begins with its own length, which a stream does not know yet. So each frame has a budget, found on a few of
 * them: the length is the sum of all budgets, and what the frames leave of it goes into a last chunk that readers skip.
 */

/** Units of a delay in a second. */
export const WEBP_RATE = 1000;

const ANIMATED = 0x02;
/** The frame replaces the canvas, it does not blend with it. */
const DO_NOT_BLEND = 0x02;
const CHUNK_HEAD = 8;
const FRAME_HEAD = CHUNK_HEAD + 16;
/** How much larger than the largest frame that was looked at another one may be. */
const ROOM = 1.15;

/** Bytes that each frame may take in the file, from those of some of them. */
export function webpBudget(stills: readonly Uint8Array[]): number {
  const largest = Math.max(...stills.map((still) => webpFrame(still, 1, 1).length));
  return 2 * Math.ceil((largest * ROOM) / 2);
}

/** What comes before the first frame. A loop count of 0 never ends. */
export function webpHead(size: number, frames: number, budget: number, loop: number): Buffer {
  const canvas = Buffer.alloc(10);
  canvas[0] = ANIMATED;
  canvas.writeUIntLE(size - 1, 4, 3);
  canvas.writeUIntLE(size - 1, 7, 3);
  const animation = Buffer.alloc(6);
  animation.writeUInt16LE(loop, 4);
  const riff = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  const head = Buffer.concat([riff, chunk('VP8X', canvas), chunk('ANIM', animation)]);
  head.writeUInt32LE(head.length - CHUNK_HEAD + frames * budget + CHUNK_HEAD, 4);
  return head;
}

/** A still WebP as a frame, shown for `delay` milliseconds. */
export function webpFrame(still: Uint8Array, size: number, delay: number): Buffer {
  const place = Buffer.alloc(16);
  place.writeUIntLE(size - 1, 6, 3);
  place.writeUIntLE(size - 1, 9, 3);
  place.writeUIntLE(delay, 12, 3);
  place[15] = DO_NOT_BLEND;
  return chunk('ANMF', Buffer.concat([place, ...picturesOf(Buffer.from(still))]));
}

/** Bytes of a frame, and of the file's end without its filling. */
export const WEBP_OVERHEAD = { frame: FRAME_HEAD, tail: CHUNK_HEAD };

/** Ends a file of whose budgets `left` bytes, an even number, were not used. */
export const webpTail = (left: number): Buffer => chunk('JUNK', Buffer.alloc(left));

/** The chunks of a still that hold its pixels. */
function picturesOf(webp: Buffer): Buffer[] {
  if (webp.toString('latin1', 0, 4) !== 'RIFF' || webp.toString('latin1', 8, 12) !== 'WEBP')
    throw new Error('Expected a WebP as a frame');
  const pictures: Buffer[] = [];
  for (let at = 12; at + CHUNK_HEAD <= webp.length; ) {
    const end = at + CHUNK_HEAD + webp.readUInt32LE(at + 4);
    if (end > webp.length) throw new Error('The WebP of a frame is cut off');
    const name = webp.toString('latin1', at, at + 4);
    if (['VP8 ', 'VP8L', 'ALPH'].includes(name))
      pictures.push(chunk(name, webp.subarray(at + CHUNK_HEAD, end)));
    at = end + (end % 2);
  }
  if (pictures.length === 0) throw new Error('Expected a picture in the WebP of a frame');
  return pictures;
}

/** A chunk of RIFF: name, length, data, and a byte more where the length is odd. */
function chunk(name: string, data: Buffer): Buffer {
  const head = Buffer.from(`${name}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
