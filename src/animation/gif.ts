/** Animated GIF from still ones, frame by frame (GIF89a specification, W3C, 1990). */

const TRAILER = 0x3b;
const EXTENSION = 0x21;
const IMAGE = 0x2c;
const HAS_TABLE = 0x80;

/** Units of a delay in a second. */
export const GIF_RATE = 100;

/** What comes before the first frame. A loop count of 0 never ends. */
export function gifHead(size: number, loop: number): Buffer {
  const head = Buffer.from('GIF89a\0\0\0\0\x70\0\0', 'latin1');
  head.writeUInt16LE(size, 6);
  head.writeUInt16LE(size, 8);
  if (loop === 1) return head;
  const application = Buffer.from('\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0', 'latin1');
  // The count says how often it is shown again.
  application.writeUInt16LE(loop === 0 ? 0 : loop - 1, 16);
  return Buffer.concat([head, application]);
}

/** A still GIF of one image as a frame with its own colours, shown for `delay` hundredths of a second. */
export function gifFrame(still: Uint8Array, delay: number): Buffer {
  const { table, image } = partsOf(Buffer.from(still));
  const control = Buffer.from('\x21\xf9\x04\x04\0\0\0\0', 'latin1');
  control.writeUInt16LE(delay, 4);
  return Buffer.concat([control, withTable(image, table)]);
}

export const gifTail = (): Buffer => Buffer.of(TRAILER);

/** The image descriptor with the colour table after it, in place of the table of the whole file. */
function withTable(image: Buffer, table: Buffer): Buffer {
  if (table.length === 0) return image;
  const descriptor = Buffer.from(image.subarray(0, 10));
  // The size of a table of 2^(n+1) colours of three bytes is told by n.
  descriptor[9] = HAS_TABLE | (Math.log2(table.length / 3) - 1);
  return Buffer.concat([descriptor, table, image.subarray(10)]);
}

/** Colour table of the file and its one image: descriptor, a table of its own if it has one, and data. */
function partsOf(gif: Buffer): { table: Buffer; image: Buffer } {
  if (gif.toString('latin1', 0, 3) !== 'GIF') throw new Error('Expected a GIF as a frame');
  const tableLength = gif[10]! & HAS_TABLE ? 3 << ((gif[10]! & 7) + 1) : 0;
  let at = 13 + tableLength;
  while (gif[at] === EXTENSION) at = endOfBlocks(gif, at + 2);
  if (gif[at] !== IMAGE) throw new Error('Expected one image in the GIF of a frame');
  const own = gif[at + 9]! & HAS_TABLE ? 3 << ((gif[at + 9]! & 7) + 1) : 0;
  const image = gif.subarray(at, endOfBlocks(gif, at + 10 + own + 1));
  return { table: own ? Buffer.alloc(0) : gif.subarray(13, 13 + tableLength), image };
}

/** Where a chain of data blocks, each led by its length, ends with an empty one. */
function endOfBlocks(gif: Buffer, from: number): number {
  let at = from;
  while (at < gif.length) {
    const length = gif[at]!;
    at += 1 + length;
    if (length === 0) return at;
  }
  throw new Error('The GIF of a frame is cut off');
}
