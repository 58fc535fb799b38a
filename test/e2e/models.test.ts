/** The converted models against engines that share no code with ours; test/golden/convert/make.py made the values. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { latentStatistics } from '../../src/models/convert/latent-statistics.js';
import { readMapping } from '../../src/models/convert/mobilestylegan.js';
import { readOpenVino } from '../../src/models/convert/openvino.js';
import { MODEL_FILES, readManifest } from '../../src/models/manifest.js';
import { openPackage, packagesDir, RANDOM_FACE } from '../../src/models/packages.js';
import { normalFrom } from '../../src/models/random.js';

const { modelsDir } = loadConfig();
const golden = (name: string) => readFile(new URL(`../golden/convert/${name}`, import.meta.url));
const STYLES = 16;
const DIM = 512;
const SIZE = 1024;
/** Area mean of 64 px, then three full-resolution squares of 24 px at these corners (y, x). */
const REDUCED = 64;
const PATCH = 24;
const CORNERS = [
  [470, 380],
  [200, 500],
  [1000, 1000],
] as const;

const sessions: ort.InferenceSession[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.release();
});

async function open(file: (typeof MODEL_FILES)[number]): Promise<ort.InferenceSession> {
  const session = await ort.InferenceSession.create(join(modelsDir, file), { logSeverityLevel: 3 });
  sessions.push(session);
  return session;
}

const tensor = (data: Float32Array, dims: number[]) => new ort.Tensor('float32', data, dims);
const data = (value: ort.Tensor | undefined) => value!.data as Float32Array;

/** The z of make.py. */
const z = Float32Array.from({ length: STYLES * DIM }, (_, i) => Math.sin(i * 1.7 + 0.3) * 1.4);

async function mapped(): Promise<Float32Array> {
  const { w } = await (await open('mapping.onnx')).run({ z: tensor(z, [STYLES, DIM]) });
  return data(w);
}

function worst(received: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(received.length).toBe(expected.length);
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(received[i]! - expected[i]!));
  return most;
}

/** An image [3,1024,1024] in the form that make.py keeps. */
function digest(image: Float32Array): Float32Array {
  const step = SIZE / REDUCED;
  const out: number[] = [];
  for (let row = 0; row < 3 * REDUCED; row++) {
    for (let x = 0; x < REDUCED; x++) {
      let sum = 0;
      for (let y = row * step; y < (row + 1) * step; y++) {
        for (let k = 0; k < step; k++) sum += image[y * SIZE + x * step + k]!;
      }
      out.push(sum / (step * step));
    }
  }
  for (const [y, x] of CORNERS) {
    for (let c = 0; c < 3; c++) {
      for (let row = 0; row < PATCH; row++) {
        const at = (c * SIZE + y + row) * SIZE + x;
        out.push(...image.subarray(at, at + PATCH));
      }
    }
  }
  return Float32Array.from(out);
}

const floats = (bytes: Buffer) => new Float32Array(new Uint8Array(bytes).buffer);

describe('converted models', () => {
  it('map z as OpenVINO maps it', async () => {
    const expected = floats(await golden('mapping.bin'));
    const w = await mapped();
    expect(worst(w.subarray(0, expected.length), expected)).toBeLessThan(2e-5);
  });

  it('draw the image of one style, and of sixteen different styles, as OpenVINO draws them', async () => {
    const expected = floats(await golden('images.bin'));
    const w = await mapped();
    const synthesis = await open('synthesis.onnx');
    const tied = Float32Array.from({ length: STYLES * DIM }, (_, i) => w[i % DIM]!);
    for (const [index, styles] of [tied, w].entries()) {
      const { image } = await synthesis.run({ w: tensor(styles, [1, STYLES, DIM]) });
      expect(image!.dims).toEqual([1, 3, SIZE, SIZE]);
      const part = expected.subarray((index * expected.length) / 2, ((index + 1) * expected.length) / 2);
      expect(worst(digest(data(image)), part)).toBeLessThan(1e-4);
    }
  });

  it('draw each image of a batch as alone', async () => {
    const w = await mapped();
    const synthesis = await open('synthesis.onnx');
    const styles = Float32Array.from(
      { length: 2 * STYLES * DIM },
      (_, i) => w[i % (STYLES * DIM)]! * (i < STYLES * DIM ? 1 : 0.5),
    );
    const { image: both } = await synthesis.run({ w: tensor(styles, [2, STYLES, DIM]) });
    const { image: second } = await synthesis.run({
      w: tensor(styles.slice(STYLES * DIM), [1, STYLES, DIM]),
    });
    expect(worst(data(both).subarray(3 * SIZE * SIZE), data(second))).toBeLessThan(1e-4);
  });

  it('see and compare as PyTorch does', async () => {
    const { vgg, lpips } = JSON.parse((await golden('golden.json')).toString('utf8')) as {
      vgg: Record<string, { shape: number[]; norm: number; max: number; samples: number[] }>;
      lpips: number[];
    };
    const n = 3 * 64 * 64;
    const a = Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.011));
    const b = Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.011 + 0.4) * 0.8);
    const dims = [1, 3, 64, 64];
    const features = await (await open('vgg16.onnx')).run({ image: tensor(a, dims) });
    expect(Object.keys(features)).toEqual(expect.arrayContaining(Object.keys(vgg)));
    for (const [name, { shape, norm, max, samples }] of Object.entries(vgg)) {
      const received = data(features[name]);
      expect(features[name]!.dims).toEqual(shape);
      expect(Math.abs(Math.hypot(...norms(received)) / norm - 1)).toBeLessThan(1e-5);
      const stride = Math.max(1, Math.floor(received.length / 64));
      const picked = samples.map((_, i) => received[i * stride]!);
      expect(worst(picked, samples) / max).toBeLessThan(1e-5);
    }
    const net = await open('lpips.onnx');
    const pairs = [
      [a, b],
      [a, a],
      [a.map((v) => -v), b],
    ] as const;
    for (const [i, [x, y]] of pairs.entries()) {
      const { distance } = await net.run({ a: tensor(x, dims), b: tensor(y, dims) });
      expect(distance!.dims).toEqual([1]);
      expect(data(distance)[0]).toBeCloseTo(lpips[i]!, 5);
    }
  });

  it('are described with the statistics of mapped latents', async () => {
    const manifest = await readManifest(modelsDir);
    expect(Object.keys(manifest.files)).toEqual([...MODEL_FILES]);
    const spread = manifest.latentStd.reduce((sum, s) => sum + s, 0) / DIM;
    expect(spread).toBeCloseTo(0.42, 2);

    // The sampler of the manifest against the mapping network in ONNX Runtime, on the same 64 z.
    const archive = await openPackage(RANDOM_FACE, packagesDir(modelsDir));
    const source = (kind: string) => archive.get(`random_face/data/MappingNetwork.${kind}`)!();
    const weights = readMapping(readOpenVino(source('xml').toString('utf8'), source('bin')));
    const { mean, std } = latentStatistics(weights, 64, 5);
    const normal = normalFrom(5);
    const samples = Float32Array.from({ length: 64 * DIM }, () => normal());
    const w = data((await (await open('mapping.onnx')).run({ z: tensor(samples, [64, DIM]) })).w);
    const column = (i: number) => Array.from({ length: 64 }, (_, n) => w[n * DIM + i]!);
    const means = mean.map((_, i) => column(i).reduce((sum, v) => sum + v, 0) / 64);
    const stds = means.map((m, i) => Math.sqrt(column(i).reduce((sum, v) => sum + (v - m) ** 2, 0) / 64));
    expect(worst(mean, means)).toBeLessThan(1e-5);
    expect(worst(std, stds)).toBeLessThan(1e-5);
  });
});

/** Norms of blocks, for Math.hypot takes no millions of arguments. */
function norms(values: Float32Array): number[] {
  const out: number[] = [];
  for (let i = 0; i < values.length; i += 4096) {
    let sum = 0;
    for (const v of values.subarray(i, i + 4096)) sum += v * v;
    out.push(Math.sqrt(sum));
  }
  return out;
}
