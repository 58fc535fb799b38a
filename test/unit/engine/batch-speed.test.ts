import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BatchSpeedDeps, batchSpeed } from '../../../src/engine/batch-speed.js';
import type { ModelManifest } from '../../../src/models/manifest.js';

let modelsDir: string;
let log: string[];
let now: number;

beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), 'speed-'));
  log = [];
  now = 0;
});
afterEach(() => rm(modelsDir, { recursive: true }));

const zeros = Array.from({ length: 512 }, () => 0);
/** What is read of it: the hashes of all sources, and where the latents lie. */
const manifest = (vgg = 'a') => {
  const hashes = {
    'synthesis.onnx': 'a',
    'vgg16.onnx': vgg,
    'whitening.onnx': 'a',
    'step-whitening.onnx': 'a',
    'step-colouring.onnx': 'a',
  };
  const files = Object.entries(hashes).map(([name, letter]) => [name, { sha256: letter.repeat(64) }]);
  const read = { files: Object.fromEntries(files), averageLatent: zeros, latentStd: zeros };
  return read as unknown as ModelManifest;
};

/** A single step takes 100 ms, one of a batch 80 ms for each photo; the first of each, and then every second, longer. */
const deps = (patch: Partial<BatchSpeedDeps> = {}): BatchSpeedDeps => ({
  modelsDir,
  manifest: manifest(),
  session: { device: 'cpu', threads: 2 },
  availableMemory: () => 20e9,
  clock: () => now,
  open: async ({ batch, judgedAt, space }) => {
    log.push(`open ${batch} ${space} ${judgedAt}`);
    let runs = 0;
    return {
      device: 'cpu',
      run: async (given) => {
        log.push(`run ${batch}`);
        expect(given.learningRates).toEqual([given.step.map(() => 0)]);
        expect(given.latent).toHaveLength(batch * 16 * 512);
        now += (batch === 1 ? 100 : 80 * batch) * (runs++ % 2 === 0 ? 3 : 1);
        return { ...given, losses: [], preview: new Float32Array() };
      },
      release: async () => void log.push(`release ${batch}`),
    };
  },
  ...patch,
});

it('measures a batch and a photo alone in turns, takes the fastest of each, and lets go of the memory', async () => {
  expect(await batchSpeed(deps(), { batch: 4, known: false })).toEqual({ alone: 100, together: 80 });
  const opened = ['open 1 pn 256', 'run 1', 'open 4 pn 256', 'run 4'];
  const rounds = ['run 1', 'run 4', 'run 1', 'run 4', 'run 1', 'run 4'];
  expect(log).toEqual([...opened, ...rounds, 'release 1', 'release 4']);
});

it('measures once: the result is kept beside the step graphs', async () => {
  expect(await batchSpeed(deps(), { batch: 2, known: true })).toBeUndefined();
  expect(log).toEqual([]);
  const measured = await batchSpeed(deps(), { batch: 2, known: false });
  log = [];
  expect(await batchSpeed(deps(), { batch: 2, known: true })).toEqual(measured);
  expect(await batchSpeed(deps(), { batch: 2, known: false })).toEqual(measured);
  expect(log).toEqual([]);
  expect(await readdir(join(modelsDir, 'steps'))).toEqual([
    expect.stringMatching(/^speed-[0-9a-f]{16}\.json$/),
  ]);
});

it.each([
  ['another number of threads', { session: { device: 'cpu' as const, threads: 3 } }],
  ['other weights', { manifest: manifest('b') }],
])('knows nothing of %s', async (_, patch) => {
  await batchSpeed(deps(), { batch: 2, known: false });
  expect(await batchSpeed(deps(patch), { batch: 2, known: true })).toBeUndefined();
});

it('neither measures nor answers for a batch that does not fit into memory', async () => {
  expect(await batchSpeed(deps({ availableMemory: () => 9e9 }), { batch: 4, known: false })).toBeUndefined();
  expect(log).toEqual([]);
});

it('lets go of the memory when a step fails', async () => {
  const { open } = deps();
  const broken: BatchSpeedDeps['open'] = async (variant) => ({
    ...(await open!(variant)),
    run: () => Promise.reject(new Error('out of memory')),
  });
  await expect(batchSpeed(deps({ open: broken }), { batch: 2, known: false })).rejects.toThrow(
    'out of memory',
  );
  expect(log.at(-1)).toBe('release 1');
  expect(await batchSpeed(deps(), { batch: 2, known: true })).toBeUndefined();
});
