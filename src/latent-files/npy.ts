/**
 * NumPy's file of one array: magic, version, length of the header, the header as a Python literal, the numbers
 * (numpy.lib.format). Written as version 1.0, read as 1.0 to 3.0.
 */
import { STYLE_DIM, STYLES } from '../contracts.js';
import { bytesOf, decoded, invalid, type NumberType } from './latent-values.js';

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** The numbers begin at a multiple of this. */
const ALIGNMENT = 64;
/** Headers of plain arrays have some 120 bytes. */
const MAX_HEADER = 4_096;

export const isNpy = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** W+ [16,512] as float32, little-endian, C order. */
export function writeNpy(values: Float32Array): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${STYLES}, ${STYLE_DIM}), }`;
  const before = MAGIC.length + 4;
  const length = Math.ceil((before + text.length + 1) / ALIGNMENT) * ALIGNMENT - before;
  const head = Buffer.from([1, 0, length & 255, length >> 8]);
  return Buffer.concat([MAGIC, head, Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1'), bytesOf(values)]);
}

/** Throws LATENT_INVALID. */
export function readNpy(bytes: Buffer): Float32Array {
  const [major] = bytes.subarray(MAGIC.length);
  if (major !== 1 && major !== 2 && major !== 3)
    throw invalid(`Received an .npy file of version ${major ?? 'none'}; expected 1 to 3, as np.save writes.`);
  const at = MAGIC.length + 2;
  const lengthSize = major === 1 ? 2 : 4;
  if (bytes.length < at + lengthSize) throw invalid('The .npy file is cut off in its header.');
  const length = bytes.readUIntLE(at, lengthSize);
  const begin = at + lengthSize;
  if (length > MAX_HEADER || begin + length > bytes.length)
    throw invalid(
      `The .npy file says that its header has ${length} bytes; expected at most ${MAX_HEADER}, within the ${bytes.length} bytes received.`,
    );
  const { type, shape } = headerOf(bytes.toString('latin1', begin, begin + length));
  return decoded(bytes.subarray(begin + length), type, shape);
}

function headerOf(text: string): { type: NumberType; shape: number[] } {
  const descr = /['"]descr['"]\s*:\s*['"]([^'"]{1,20})['"]/.exec(text)?.[1];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)\b/.exec(text)?.[1];
  const sizes = /['"]shape['"]\s*:\s*\(([\d\s,L]{0,100})\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || sizes === undefined)
    throw invalid(
      'The header of the .npy file does not say descr, fortran_order and shape of a plain array; expected one that np.save wrote.',
    );
  const type = /^<(f[248])$/.exec(descr)?.[1] as NumberType | undefined;
  if (!type)
    throw invalid(
      `Received numbers of the type '${descr}'; expected '<f4', '<f8' or '<f2': array.astype('<f4').`,
    );
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter(Boolean)
    .map((size) => Number(size.replace(/L$/, '')));
  // A vector reads the same in both orders.
  if (order === 'True' && shape.length > 1)
    throw invalid('Received an array in Fortran order; expected C order: np.ascontiguousarray(array).');
  return { type, shape };
}
