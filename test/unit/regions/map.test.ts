/** The region map as data: what is stored reads back, what is damaged is refused, and the one that comes along is whole. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REGION_PARTS, type RegionPart } from '../../../src/contracts.js';
import { assetsFolder } from '../../../src/models/encoder/weights.js';
import {
  PART_SIZE,
  packMap,
  type RegionsInfo,
  readRegions,
  readRegionsInfo,
  unpackMap,
} from '../../../src/models/regions/map.js';

const parts: RegionPart[] = ['eyes', 'hair'];
const map = new Map(
  parts.map((part, k) => [part, Float32Array.from({ length: PART_SIZE }, (_, i) => ((i + k) % 256) / 255)]),
);
const file = packMap(map);
const info: RegionsInfo = {
  command: 'none',
  generator: '0'.repeat(64),
  sha256: createHash('sha256').update(file).digest('hex'),
  parts,
  fit: { pairs: 1, seed: 1, flat: [], eyes: [], measured: [] },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latentmorph-regions-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function stored(bytes: Uint8Array, description: object = info): Promise<string> {
  await writeFile(join(folder, 'regions.bin'), bytes);
  await writeFile(join(folder, 'regions.json'), JSON.stringify(description));
  return folder;
}

test('a map reads back as it was written', async () => {
  const read = readRegions(await stored(file));
  expect(read.info).toEqual(info);
  expect([...read.map.keys()]).toEqual(parts);
  expect(packMap(read.map).equals(file)).toBe(true);
});

test('weights are rounded to the nearest of 256', () => {
  const off = new Map([['eyes' as const, new Float32Array(PART_SIZE).fill(0.7 + 1 / 600)]]);
  expect(unpackMap(packMap(off), ['eyes']).get('eyes')![0]).toBeCloseTo(0.7, 2);
});

test('refuses another file than the one described', async () => {
  const other = Buffer.from(file);
  other[5]! ^= 1;
  const folder = await stored(other);
  expect(() => readRegions(folder)).toThrow(/regions.bin has the hash [0-9a-f]{64}, but/);
});

test('refuses a file of another length than its parts need', () => {
  expect(() => unpackMap(file.subarray(1), parts)).toThrow(`Expected ${2 * PART_SIZE} bytes`);
});

test.each([
  ['a part that nobody knows', { parts: ['tail', 'hair'] }],
  ['no generator', { generator: undefined }],
])('refuses a description with %s', async (_, patch) => {
  const folder = await stored(file, { ...info, ...patch });
  expect(() => readRegions(folder)).toThrow(/does not describe a region map/);
});

describe('the map of the default generator', () => {
  test('has every part, within a megabyte', async () => {
    const { info, map } = readRegions();
    expect(info).toEqual(readRegionsInfo());
    expect([...map.keys()]).toEqual([...REGION_PARTS]);
    expect((await stat(join(assetsFolder(), 'regions.bin'))).size).toBeLessThan(1_000_000);
  });

  test('takes every part somewhere all but wholly and somewhere not at all, and changed more inside than outside', () => {
    const { info, map } = readRegions();
    for (const mask of map.values()) {
      expect(mask.reduce((most, x) => Math.max(most, x), 0)).toBeGreaterThan(0.9);
      expect(mask.reduce((least, x) => Math.min(least, x), 1)).toBe(0);
    }
    for (const { inside, outside } of info.fit.measured) expect(inside).toBeGreaterThan(1.5 * outside);
  });
});
