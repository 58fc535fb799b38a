import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PAPER_CHUNK, paperCurve } from '../../../bench/embed/paper.js';
import type { Projector } from '../../../src/engine/project.js';
import type { ProjectChunk } from '../../../src/engine/protocol.js';
import type { ModelManifest } from '../../../src/models/manifest.js';

const hash = '0'.repeat(64);
const file = { sha256: hash, bytes: 1, source: '', licence: '', inputs: {}, outputs: {} };
const manifest: ModelManifest = {
  recipe: '',
  generator: { name: '', hash, styles: 16, styleDim: 512, resolution: 1024 },
  averageLatent: new Array<number>(512).fill(0.5),
  latentStd: [],
  latentSamples: { count: 1, seed: 1 },
  files: { 'vgg16.onnx': file, 'lpips.onnx': file },
  licences: [],
};

let folder: string;
let chunks: ProjectChunk[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-'));
  chunks = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** Adds one to every number of the state at every step. */
const projector: Pick<Projector, 'run'> = {
  run: async (all) =>
    all.map((chunk) => {
      chunks.push(chunk);
      const count = chunk.learningRates.length;
      const grown = (data: Float32Array) => data.map((x) => x + count);
      const [latent, m, v] = [grown(chunk.latent), grown(chunk.m), grown(chunk.v)];
      const losses = new Array<number>(count).fill(1);
      return { latent, m, v, losses, contrast: 1, preview: new Uint8Array() };
    }),
};

const curve = (steps: number, value = 1) =>
  paperCurve({
    projector,
    judgement: async (latent) => ({ loss: 1000 - latent[0]!, lpips: value / latent[0]! }),
    photo: { id: 'a-1', aligned: new Uint8Array(), target: new Float32Array(3 * 256 * 256) },
    manifest,
    steps,
    folder,
    onChunk: () => undefined,
  });

test('starts from the average latent and moves W at the constant rate of 0.01', async () => {
  await curve(PAPER_CHUNK);
  const [first] = chunks;
  expect(new Set(first!.latent)).toEqual(new Set([0.5]));
  expect(first).toMatchObject({ space: 'w', judgedAt: 256, pixelWeight: 0, step: 0 });
  expect(first!.learningRates).toEqual(new Array(PAPER_CHUNK).fill(0.01));
});

test('goes on where it was cut off, with the moments of Adam', async () => {
  const whole = await curve(60);
  await rm(folder, { recursive: true });
  expect((await curve(40)).cachedSteps).toBe(0);
  chunks = [];
  expect(await curve(60)).toEqual({ marks: whole.marks, cachedSteps: 40 });
  expect(chunks).toHaveLength(1);
  expect([chunks[0]!.step, chunks[0]!.latent[0], chunks[0]!.m[0], chunks[0]!.v[0]]).toEqual([
    40, 40.5, 40, 40,
  ]);
});

test('a longer curve serves a shorter run', async () => {
  const { marks } = await curve(60);
  chunks = [];
  expect(await curve(20)).toEqual({ marks: marks.slice(0, 1), cachedSteps: 20 });
  expect(chunks).toEqual([]);
});

test('what is no stored run is named, and divergence is not stored', async () => {
  await expect(curve(20, Number.NaN)).rejects.toThrow('run on a-1 diverged at step 20');
  await curve(20);
  const [name] = await readdir(folder);
  await writeFile(join(folder, name!), '{}');
  await expect(curve(20)).rejects.toThrow(`${name} is no stored run: delete it`);
});
