/** The region map as data: how much of b each part takes, by style and place (assets/regions.*, written by `npm run fit:regions`). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { REGION_PARTS, type RegionPart, STYLES } from '../../contracts.js';
import { assetsFolder } from '../encoder/weights.js';

/** Side of a mask; a layer of another side takes its mean or its interpolation. */
export const MASK_SIDE = 64;
/** Places of one part: a mask for every style. */
export const PART_SIZE = STYLES * MASK_SIDE * MASK_SIDE;

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Share = Type.Number({ minimum: 0 });

export const RegionsInfo = Type.Object({
  /** What makes the data anew. */
  command: Type.String(),
  /** Of the generator's source weights: what a style moves in another generator was not measured. */
  generator: Hash,
  /** Of the data file: part of the render key. */
  sha256: Hash,
  /** In the order of the data. */
  parts: Type.Array(Type.Enum([...REGION_PARTS])),
  fit: Type.Object({
    pairs: Type.Integer({ minimum: 1 }),
    seed: Type.Integer(),
    /** By style: share of the change of the skin that is one flat colour. */
    flat: Type.Array(Share),
    /** By style: movement of the landmarks of eyes and brows, over that of the style that moves them most. */
    eyes: Type.Array(Share),
    /**
     * By part: the styles it takes; root mean squared change of values -1..1 inside and outside of it, over unseen pairs; and for
     * each style alone the change inside over that outside, 0 for styles that were not thought of.
     */
    measured: Type.Array(
      Type.Object({
        part: Type.Enum([...REGION_PARTS]),
        styles: Type.Array(Type.Integer()),
        inside: Share,
        outside: Share,
        locality: Type.Array(Share),
      }),
    ),
  }),
});
export type RegionsInfo = Static<typeof RegionsInfo>;

/** Weight of b, 0..1, by part: [STYLES,MASK_SIDE,MASK_SIDE]. */
export type RegionMap = ReadonlyMap<RegionPart, Float32Array>;

/** Parts one after another, a byte for each weight. */
export const packMap = (map: RegionMap): Buffer =>
  Buffer.concat(
    [...map.values()].map((mask) => Buffer.from(Uint8Array.from(mask, (x) => Math.round(255 * x)))),
  );

/** Throws when the data are not as long as their description says. */
export function unpackMap(file: Uint8Array, parts: readonly RegionPart[]): RegionMap {
  const expected = parts.length * PART_SIZE;
  if (file.length !== expected)
    throw new Error(`Expected ${expected} bytes of regions.bin but received ${file.length}: fetch it again`);
  return new Map(
    parts.map((part, i) => [
      part,
      Float32Array.from(file.subarray(i * PART_SIZE, (i + 1) * PART_SIZE), (byte) => byte / 255),
    ]),
  );
}

/** The description of the map that comes with the project. Throws when it is missing or describes none. */
export function readRegionsInfo(folder = assetsFolder()): RegionsInfo {
  const info: unknown = JSON.parse(readFileSync(join(folder, 'regions.json'), 'utf8'));
  if (!Value.Check(RegionsInfo, info))
    throw new Error(`${folder}/regions.json does not describe a region map`);
  return info;
}

/** The map that comes with the project. Throws when a file is missing or not the one described. */
export function readRegions(folder = assetsFolder()): { info: RegionsInfo; map: RegionMap } {
  const info = readRegionsInfo(folder);
  const file = readFileSync(join(folder, 'regions.bin'));
  const hash = createHash('sha256').update(file).digest('hex');
  if (hash !== info.sha256)
    throw new Error(`${folder}/regions.bin has the hash ${hash}, but ${info.sha256} was expected`);
  return { info, map: unpackMap(file, info.parts) };
}
