/** Changes of an input that tend to break readers: bits, lengths, counts, pieces twice, missing or from elsewhere. */

/** Uniform numbers in [0, 1). */
export type Uniform = () => number;

export interface Material {
  /** Inputs to start from; never empty. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that mean something to the reader. */
  readonly tokens: readonly Uint8Array[];
  /** An input grows no further than this, in bytes. */
  readonly maxBytes: number;
  /** A change that knows the format; three inputs in four are changed by it alone. */
  readonly change?: (bytes: Uint8Array, material: Material, random: Uniform) => Uint8Array;
}

type Change = (bytes: Uint8Array, material: Material, random: Uniform) => Uint8Array;

/** Numbers at which a count, a length or an offset goes wrong. */
const EDGES = [
  0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 512, 1024, 4096, 32767, 32768, 65535, 65536,
  0x7fffffff, 0x80000000, 0xffffffff,
];
const DIGITS = [
  '0', '1', '-1', '16', '512', '65536', '2147483647', '4294967296', '9007199254740993', '1e308', '1e999', 'NaN', '99999999999999999999',
]; // biome-ignore format: a list of numbers
const MOST_CHANGES = 6;

const below = (n: number, random: Uniform): number => Math.floor(random() * n);
const oneOf = <T>(list: readonly T[], random: Uniform): T => list[below(list.length, random)]!;

/** Replaces `length` bytes at `at`. */
function spliced(bytes: Uint8Array, at: number, length: number, piece: Uint8Array): Uint8Array {
  const rest = bytes.subarray(at + length);
  const out = new Uint8Array(at + piece.length + rest.length);
  out.set(bytes.subarray(0, at));
  out.set(piece, at);
  out.set(rest, at + piece.length);
  return out;
}

/** A part of the bytes, mostly a short one. */
function stretch(bytes: Uint8Array, random: Uniform): [at: number, length: number] {
  const at = below(bytes.length + 1, random);
  const most = Math.min(bytes.length - at, random() < 0.8 ? 32 : 4096);
  return [at, below(most + 1, random)];
}

function overwritten(
  bytes: Uint8Array,
  at: number,
  write: (view: DataView, at: number) => void,
  size: number,
) {
  if (at + size > bytes.length) return bytes;
  const out = bytes.slice();
  write(new DataView(out.buffer), at);
  return out;
}

const CHANGES: readonly Change[] = [
  (bytes, _, random) =>
    overwritten(
      bytes,
      below(bytes.length, random),
      (view, at) => view.setUint8(at, view.getUint8(at) ^ (1 << below(8, random))),
      1,
    ),
  (bytes, _, random) =>
    overwritten(bytes, below(bytes.length, random), (view, at) => view.setUint8(at, below(256, random)), 1),
  (bytes, _, random) => {
    const [value, little] = [oneOf(EDGES, random), random() < 0.5];
    const at = below(bytes.length, random);
    return random() < 0.5
      ? overwritten(bytes, at, (view) => view.setUint16(at, value & 0xffff, little), 2)
      : overwritten(bytes, at, (view) => view.setUint32(at, value, little), 4);
  },
  (bytes, _, random) => bytes.slice(0, below(bytes.length, random)),
  (bytes, _, random) => spliced(bytes, ...stretch(bytes, random), new Uint8Array()),
  (bytes, _, random) => {
    const [at, length] = stretch(bytes, random);
    const piece = bytes.subarray(at, at + length);
    const times = random() < 0.9 ? 1 : 1 + below(64, random);
    return spliced(bytes, at, 0, repeated(piece, times));
  },
  (bytes, { tokens }, random) =>
    tokens.length === 0
      ? bytes
      : spliced(
          bytes,
          below(bytes.length + 1, random),
          random() < 0.5 ? 0 : below(9, random),
          oneOf(tokens, random),
        ),
  (bytes, { seeds }, random) => {
    const other = oneOf(seeds, random);
    const [at, length] = stretch(other, random);
    return spliced(bytes, ...stretch(bytes, random), other.subarray(at, at + length));
  },
  (bytes, { seeds }, random) => {
    const other = oneOf(seeds, random);
    return spliced(
      bytes,
      below(bytes.length, random),
      bytes.length,
      other.subarray(below(other.length, random)),
    );
  },
  (bytes, _, random) => otherNumber(bytes, random),
];

function repeated(piece: Uint8Array, times: number): Uint8Array {
  const out = new Uint8Array(piece.length * times);
  for (let i = 0; i < times; i++) out.set(piece, i * piece.length);
  return out;
}

/** Another number in the place of one that is written in digits. */
function otherNumber(bytes: Uint8Array, random: Uniform): Uint8Array {
  const isDigit = (at: number): boolean => bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
  const begin = below(bytes.length, random);
  for (let at = begin; at < Math.min(bytes.length, begin + 256); at++) {
    if (!isDigit(at)) continue;
    let end = at;
    while (end < bytes.length && isDigit(end)) end++;
    return spliced(bytes, at, end - at, Buffer.from(oneOf(DIGITS, random)));
  }
  return bytes;
}

/** A seed with one to six changes, at most `maxBytes` long. */
export function mutated(material: Material, random: Uniform): Uint8Array {
  let bytes = oneOf(material.seeds, random);
  if (material.change && random() < 0.75)
    return material.change(bytes, material, random).subarray(0, material.maxBytes);
  const changes = 1 + below(MOST_CHANGES, random);
  for (let i = 0; i < changes; i++) {
    bytes = oneOf(CHANGES, random)(bytes, material, random);
    if (bytes.length === 0) break;
  }
  return bytes.subarray(0, material.maxBytes);
}
