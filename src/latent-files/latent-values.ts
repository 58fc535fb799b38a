/** The numbers of a latent, whatever file they come from: shape, type, and that each of them is one. */
import { STYLE_DIM, STYLES } from '../contracts.js';
import { AppError } from '../errors.js';

export const SIZE = STYLES * STYLE_DIM;

/** Types of numbers in files, by their size in bytes. */
export const NUMBER_SIZES = { f2: 2, f4: 4, f8: 8 } as const;
export type NumberType = keyof typeof NUMBER_SIZES;

export const invalid = (detail: string): AppError => new AppError('LATENT_INVALID', { detail });

/** How often the numbers of this shape repeat in W+: once, or for every style where there is one vector. Throws LATENT_INVALID. */
export function repeats(shape: readonly number[]): number {
  const plain = shape.length > 1 && shape[0] === 1 ? shape.slice(1) : shape;
  const text = plain.join();
  if (text === `${STYLES},${STYLE_DIM}`) return 1;
  if (text === `${STYLE_DIM}`) return STYLES;
  throw invalid(
    `Received the shape [${shapeText(shape)}]; expected [${STYLES},${STYLE_DIM}], one vector [${STYLE_DIM}] for all styles, or one of these with a 1 before it.`,
  );
}

/** Numbers little-endian and in C order -> W+ [16,512]. Throws LATENT_INVALID. */
export function decoded(bytes: Buffer, type: NumberType, shape: readonly number[]): Float32Array {
  const times = repeats(shape);
  const count = SIZE / times;
  const expected = count * NUMBER_SIZES[type];
  if (bytes.length !== expected)
    throw invalid(`Received ${bytes.length} bytes of numbers; expected ${expected} for this shape and type.`);
  return finished(
    Float64Array.from({ length: count }, (_, i) => numberAt(bytes, type, i)),
    times,
  );
}

/** W+ of the numbers of one shape. Throws LATENT_INVALID where one is none that a float32 holds. */
export function finished(numbers: ArrayLike<number>, times: number): Float32Array {
  const once = Float32Array.from(numbers);
  const bad = once.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0)
    throw invalid(`Number ${bad} of the latent is ${numbers[bad]}; expected finite float32 numbers.`);
  const values = new Float32Array(SIZE);
  for (let i = 0; i < times; i++) values.set(once, i * once.length);
  return values;
}

function numberAt(bytes: Buffer, type: NumberType, i: number): number {
  switch (type) {
    case 'f2':
      return half(bytes.readUInt16LE(2 * i));
    case 'f4':
      return bytes.readFloatLE(4 * i);
    case 'f8':
      return bytes.readDoubleLE(8 * i);
  }
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Cut to a length that is safe to send back. */
export const shapeText = (shape: readonly unknown[]): string => shape.join(',').slice(0, 60);

/** Raw little-endian float32, the byte order of every platform Node runs on. */
export const bytesOf = (values: Float32Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);
