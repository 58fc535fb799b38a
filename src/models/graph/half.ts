/** IEEE 754 half precision: one sign bit, five of exponent, ten of fraction. Node 20 has no array of it: bit patterns. */
import type { Tensor } from './tensor.js';

/** Largest finite number. */
export const HALF_MAX = 65504;

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** Bit pattern of the nearest half, ties to the even one; past 65520 it is infinity. */
export function toHalf(x: number): number {
  word[0] = x;
  return narrowed(bits[0]!);
}

/** From the bit pattern of a float32: this one runs for every weight of a network. */
function narrowed(pattern: number): number {
  const sign = (pattern >>> 16) & 0x8000;
  const exponent = (pattern >>> 23) & 0xff;
  const fraction = pattern & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 143) return sign | 0x7c00;
  // A fraction that rounds up to 1 carries into the exponent, and from the largest number to infinity, as it should.
  if (exponent >= 113) return sign | shifted(((exponent - 112) << 23) | fraction, 13);
  // Below 2^-14 the steps are 2^-24 wide throughout.
  return exponent < 102 ? sign : sign | shifted(0x800000 | fraction, 126 - exponent);
}

/** x / 2^n to the nearest integer, ties to even. */
function shifted(x: number, n: number): number {
  const floor = x >>> n;
  const rest = x & ((1 << n) - 1);
  const tie = 1 << (n - 1);
  return rest > tie || (rest === tie && (floor & 1) === 1) ? floor + 1 : floor;
}

/** The number of a bit pattern. */
export function fromHalf(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >>> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** A float32 constant as float16. */
export function halved({ data, shape }: Pick<Tensor, 'data' | 'shape'>): Tensor {
  const { buffer, byteOffset, length } = data as Float32Array;
  const patterns = new Uint32Array(buffer, byteOffset, length);
  const out = new Uint16Array(length);
  for (let i = 0; i < length; i++) out[i] = narrowed(patterns[i]!);
  return { dtype: 'float16', shape, data: out };
}
