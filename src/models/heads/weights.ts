/** What was fitted of the image heads, as data: float32 weights beside a description (assets/heads.*). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { assetsFolder } from '../encoder/weights.js';
import { f32, sizeOf, type Tensor } from '../graph/tensor.js';

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 1 });
/** LPIPS against the reduced full render, at the side of the head. */
const Likeness = Type.Object({ mean: Type.Number(), max: Type.Number() });

export const HeadsInfo = Type.Object({
  /** What makes the data anew. */
  command: Type.String(),
  /** Of the generator's source weights: for any other generator the heads mean nothing. */
  generator: Hash,
  /** Of the data file. */
  sha256: Hash,
  fit: Type.Object({ steps: Count, seed: Type.Integer(), heldOut: Count }),
  heads: Type.Array(
    Type.Object({
      /** Side of the images in pixels. */
      side: Count,
      /** Of samples that were not fitted, before the fit and after it. */
      unfitted: Likeness,
      lpips: Likeness,
      /** In the order of the data file. */
      weights: Type.Array(Type.Object({ name: Type.String(), shape: Type.Array(Count) })),
    }),
  ),
});
export type HeadsInfo = Static<typeof HeadsInfo>;
export type HeadInfo = HeadsInfo['heads'][number];

/** Weights of a head by their name in its graph (see graph/coarsen.ts). */
export type HeadWeights = ReadonlyMap<string, Tensor>;

/** Weights of the heads by their side. */
export type Heads = ReadonlyMap<number, HeadWeights>;

/** All weights one after another, little-endian. */
export const packHeads = (heads: readonly HeadWeights[]): Buffer =>
  Buffer.concat(
    heads.flatMap((weights) =>
      [...weights.values()].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    ),
  );

/** The weights out of a packed file. Throws when it is not as long as its description says. */
export function unpackHeads(file: Buffer, { heads }: Pick<HeadsInfo, 'heads'>): Heads {
  let at = 0;
  const take = (shape: readonly number[]): Tensor => {
    // A copy starts at an address that numbers of four bytes can be read from.
    const part = Uint8Array.from(file.subarray(at, at + 4 * sizeOf(shape)));
    if (part.length < 4 * sizeOf(shape))
      throw new Error(`heads.bin ends after ${file.length} bytes: fetch it again`);
    at += part.length;
    return f32(new Float32Array(part.buffer), shape);
  };
  const read = new Map(
    heads.map(({ side, weights }) => [
      side,
      new Map(weights.map(({ name, shape }) => [name, take(shape)] as const)),
    ]),
  );
  if (at !== file.length) throw new Error(`Expected ${at} bytes of heads.bin but received ${file.length}`);
  return read;
}

/** The fitted heads as they come with the project. Throws when a file is missing or not the one described. */
export function readHeads(folder = assetsFolder()): { info: HeadsInfo; heads: Heads } {
  const info: unknown = JSON.parse(readFileSync(join(folder, 'heads.json'), 'utf8'));
  if (!Value.Check(HeadsInfo, info)) throw new Error(`${folder}/heads.json does not describe heads`);
  const file = readFileSync(join(folder, 'heads.bin'));
  const hash = createHash('sha256').update(file).digest('hex');
  if (hash !== info.sha256)
    throw new Error(`${folder}/heads.bin has the hash ${hash}, but ${info.sha256} was expected`);
  return { info, heads: unpackHeads(file, info) };
}
