/** The encoder as data: what is stored reads back, and what is damaged is refused. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FEATURE_BLOCKS } from '../../../src/models/encoder/features.js';
import {
  assetsFolder,
  dequantised,
  type EncoderInfo,
  pack,
  placesOf,
  quantise,
  readEncoder,
  unpack,
} from '../../../src/models/encoder/weights.js';
import { normalFrom } from '../../../src/models/random.js';

const KEPT = [2, 3, 0, 0];
const RANK = 4;
const LATENTS = 6;

const random = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, normalFrom(seed));

const weights = {
  channels: KEPT.map((rows, i) =>
    rows ? quantise(random(rows * FEATURE_BLOCKS[i]!.channels, i + 1), rows) : undefined,
  ),
  encode: quantise(random(RANK * placesOf(KEPT), 7), RANK),
  decode: quantise(random(LATENTS * RANK, 8), LATENTS),
  offset: random(LATENTS, 9),
};
const file = pack(weights);
const info: EncoderInfo = {
  command: 'none',
  generator: '0'.repeat(64),
  sha256: createHash('sha256').update(file).digest('hex'),
  kept: KEPT,
  rank: RANK,
  latents: LATENTS,
  fit: { samples: 1, seed: 1, lambda: 1, heldOut: 1, r2: [] },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latentmorph-encoder-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function stored(bytes: Uint8Array, description: object = info): Promise<string> {
  await writeFile(join(folder, 'encoder.bin'), bytes);
  await writeFile(join(folder, 'encoder.json'), JSON.stringify(description));
  return folder;
}

test('a quantised row is off by at most half of its step, and its largest entry by nothing', () => {
  const data = Float32Array.from([0.1, -12.7, 6.35, 0, 0, 0, 1e-9, 2e-9, -1e-9]);
  const back = dequantised(quantise(data, 3));
  const steps = [0.1, 0, 2e-9 / 127];
  data.forEach((x, i) => {
    expect(Math.abs(back[i]! - x)).toBeLessThanOrEqual(steps[Math.floor(i / 3)]! / 2 + 1e-7 * Math.abs(x));
  });
  expect(back[1]).toBeCloseTo(-12.7, 5);
});

test('packed weights unpack to themselves', () => {
  expect(unpack(file, info)).toEqual(weights);
});

test('a file that is too short or too long is refused', () => {
  expect(() => unpack(file.subarray(0, -1), info)).toThrow(/ends after/);
  expect(() => unpack(Buffer.concat([file, Buffer.alloc(4)]), info)).toThrow(/Expected \d+ bytes/);
});

test('reads the files of a folder, and refuses data or a description that is not right', async () => {
  expect(readEncoder(await stored(file)).weights).toEqual(weights);
  const changed = Buffer.from(file);
  changed[100]! ^= 1;
  const other = await stored(changed);
  expect(() => readEncoder(other)).toThrow(/has the hash [0-9a-f]{64}, but [0-9a-f]{64} was expected/);
  const { rank: _, ...incomplete } = info;
  const wrong = await stored(file, incomplete);
  expect(() => readEncoder(wrong)).toThrow(/does not describe an encoder/);
});

test('the encoder of the project reads, and takes at most 6 MB', async () => {
  const { info: own, weights: data } = readEncoder();
  expect(own.command).toBe(`npm run fit:encoder -- --samples ${own.fit.samples} --seed ${own.fit.seed}`);
  expect(data.offset.length).toBe(16 * 512);
  expect((await readFile(join(assetsFolder(), 'encoder.bin'))).length).toBeLessThanOrEqual(6e6);
});
