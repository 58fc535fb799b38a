/** The fitted encoder as data: int8 matrices with a scale for each row, beside a description (assets/encoder.*). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FEATURE_BLOCKS } from './features.js';

/** A matrix [rows, columns], row-major; entry = integer times the scale of its row. */
export interface Quantised {
  rows: number;
  columns: number;
  values: Int8Array;
  scales: Float32Array;
}

/**
 * latent = offset + decode (encode (channels features)): one linear map of low rank, from the features of an image to x,
 * the latents before the last activation of the mapping network (see stylegan/latent-space.ts).
 */
export interface EncoderWeights {
  /** Directions of the channels of each block of features, [kept, channels]; blocks without are taken as they are. */
  channels: (Quantised | undefined)[];
  /** [rank, places]: all blocks one after another, each channel by channel. */
  encode: Quantised;
  /** [styles * dim, rank] */
  decode: Quantised;
  /** [styles * dim] */
  offset: Float32Array;
}

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 1 });

export const EncoderInfo = Type.Object({
  /** What makes the data anew. */
  command: Type.String(),
  /** Of the generator's source weights: for any other generator the encoder means nothing. */
  generator: Hash,
  /** Of the data file. */
  sha256: Hash,
  /** Channels kept of each block, 0 where all are. */
  kept: Type.Array(Type.Integer({ minimum: 0 })),
  rank: Count,
  latents: Count,
  fit: Type.Object({
    samples: Count,
    seed: Type.Integer(),
    lambda: Type.Number(),
    heldOut: Count,
    /** Share of the variance of x that is explained on held-out samples, by style. */
    r2: Type.Array(Type.Number()),
  }),
});
export type EncoderInfo = Static<typeof EncoderInfo>;

const LARGEST = 127;

/** The nearest matrix of int8 rows: each row's largest entry becomes 127. */
export function quantise(data: Float32Array, rows: number): Quantised {
  const columns = data.length / rows;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * columns, (r + 1) * columns);
    const scale = Math.fround(row.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / LARGEST) || 1;
    scales[r] = scale;
    for (let c = 0; c < columns; c++) values[r * columns + c] = Math.round(row[c]! / scale);
  }
  return { rows, columns, values, scales };
}

/** The matrix in float32. */
export const dequantised = ({ columns, values, scales }: Quantised): Float32Array =>
  Float32Array.from(values, (x, i) => x * scales[Math.floor(i / columns)]!);

/** Places of all features once the channels are reduced. */
export const placesOf = (kept: readonly number[]): number =>
  FEATURE_BLOCKS.reduce((sum, { channels, cells }, i) => sum + (kept[i] || channels) * cells, 0);

/** One after another: every matrix as its scales and its values, then the offset; little-endian. */
export function pack({ channels, encode, decode, offset }: EncoderWeights): Buffer {
  const matrices = [...channels, encode, decode].filter((matrix) => matrix !== undefined);
  const bytes = (data: Float32Array | Int8Array): Buffer =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([
    ...matrices.flatMap(({ scales, values }) => [bytes(scales), bytes(values)]),
    bytes(offset),
  ]);
}

/** The weights out of a packed file. Throws when it is not as long as its description says. */
export function unpack(file: Buffer, { kept, rank, latents }: EncoderInfo): EncoderWeights {
  let at = 0;
  const take = (length: number): ArrayBuffer => {
    // A copy starts at an address that numbers of four bytes can be read from.
    const part = Uint8Array.from(file.subarray(at, at + length));
    if (part.length < length) throw new Error(`encoder.bin ends after ${file.length} bytes: fetch it again`);
    at += length;
    return part.buffer;
  };
  const matrix = (rows: number, columns: number): Quantised => {
    const scales = new Float32Array(take(4 * rows));
    return { rows, columns, scales, values: new Int8Array(take(rows * columns)) };
  };
  const channels = FEATURE_BLOCKS.map((block, i) => (kept[i] ? matrix(kept[i], block.channels) : undefined));
  const weights = {
    channels,
    encode: matrix(rank, placesOf(kept)),
    decode: matrix(latents, rank),
    offset: new Float32Array(take(4 * latents)),
  };
  if (at !== file.length) throw new Error(`Expected ${at} bytes of encoder.bin but received ${file.length}`);
  return weights;
}

/** Folder of the data, in the repository or the package: beside the nearest package.json above. */
export function assetsFolder(from = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = from; ; folder = dirname(folder)) {
    try {
      readFileSync(join(folder, 'package.json'));
      return join(folder, 'assets');
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
}

/** The fitted encoder as it comes with the project. Throws when a file is missing or not the one described. */
export function readEncoder(folder = assetsFolder()): { info: EncoderInfo; weights: EncoderWeights } {
  const info: unknown = JSON.parse(readFileSync(join(folder, 'encoder.json'), 'utf8'));
  if (!Value.Check(EncoderInfo, info)) throw new Error(`${folder}/encoder.json does not describe an encoder`);
  const file = readFileSync(join(folder, 'encoder.bin'));
  const hash = createHash('sha256').update(file).digest('hex');
  if (hash !== info.sha256)
    throw new Error(`${folder}/encoder.bin has the hash ${hash}, but ${info.sha256} was expected`);
  return { info, weights: unpack(file, info) };
}
