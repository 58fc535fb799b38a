/** Images of smaller sizes, on the real generator: near enough to the whole image, and cheaper. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { macsOf } from '../../bench/step/macs.js';
import { openLatents } from '../../fit/latents.js';
import { loadConfig } from '../../src/config.js';
import { Faces } from '../../src/engine/faces.js';
import { type EngineOptions, Generator } from '../../src/engine/generator.js';
import { ImageLevels } from '../../src/engine/image-levels.js';
import { Renderer } from '../../src/engine/render.js';
import { openSession, type Session } from '../../src/engine/session.js';
import { startLatent } from '../../src/engine/start.js';
import { toTensor } from '../../src/images.js';
import type { Graph } from '../../src/models/graph/ir.js';
import { readOnnx } from '../../src/models/graph/read-onnx.js';
import { levelGraph } from '../../src/models/heads/level.js';
import { readHeads } from '../../src/models/heads/weights.js';
import { readManifest } from '../../src/models/manifest.js';
import { reduced } from '../../src/models/metrics/reduce.js';
import { morph } from '../../src/models/morph.js';
import { samplePhoto } from '../support/photos.js';
import { portrait } from '../support/portraits.js';

const { modelsDir, threads } = loadConfig();
const SHAPE = { layers: 16, dim: 512 };
/** A seed of its own: the fit takes its samples, and those it is judged by, from others. */
const SEED = 424_242;
const SAMPLES = 4;
/** As the issue asks; a single image may be somewhat further off. */
const FARTHEST = { mean: 0.05, single: 0.08 };

describe('images of smaller sizes', () => {
  let options: EngineOptions;
  let generator: Generator;
  let lpips: Session;
  let synthesis: Graph;
  let latents: Float32Array[];
  beforeAll(async () => {
    const session = { device: 'cpu' as const, threads };
    options = { modelsDir, manifest: await readManifest(modelsDir), session };
    generator = await Generator.load(options);
    lpips = await openSession(join(modelsDir, 'lpips.onnx'), session);
    synthesis = readOnnx(await readFile(join(modelsDir, 'synthesis.onnx')), { dims: { N: 1 } });
    const source = await openLatents(threads);
    latents = [];
    for (let i = 0; i < SAMPLES; i++) latents.push((await source.draw(SEED, i)).w);
    await source.release();
    const faces = await Faces.load({ session: { threads: 1 } });
    const starts: Float32Array[] = [];
    for (const image of [await portrait('obama'), await samplePhoto(1)]) {
      const { target } = await faces.align(image, (await faces.detect(image)).faces[0]!.landmarks);
      const { latent } = await startLatent(options, { start: 'encoder', target, styles: 16 });
      starts.push(latent);
    }
    await faces.release();
    const [a, b] = starts as [Float32Array, Float32Array];
    latents.push(a, b);
    latents.push(morph(a, b, SHAPE, { mode: 'linear', lambda: 0.5, crossover: 0 }));
    latents.push(morph(a, b, SHAPE, { mode: 'style', lambda: 1, crossover: 8 }));
  });
  afterAll(() => lpips?.release());

  const shown = (image: Float32Array, side: number) => ({
    data: image.map((x) => Math.max(-1, Math.min(1, x))),
    shape: [1, 3, side, side],
  });

  it('have heads fitted to the generator that is installed', () => {
    expect(readHeads().info.generator).toBe(options.manifest.generator.hash);
  });

  it('look like the whole image reduced, for samples, photos and morphs that were not fitted', async () => {
    const levels = ImageLevels.load(options);
    const wholes: Float32Array[] = [];
    for (const latent of latents) wholes.push(await generator.render(latent));
    for (const side of [512, 256, 128, 64]) {
      const distances: number[] = [];
      for (const [i, latent] of latents.entries()) {
        const image = await levels.render(latent, side);
        const target = reduced(wholes[i]!, side);
        const { distance } = await lpips.run({ a: shown(image, side), b: shown(target, side) });
        distances.push(distance!.data[0]!);
        if (side === 512) {
          const worst = target.reduce((most, x, k) => Math.max(most, Math.abs(x - image[k]!)), 0);
          expect(worst).toBeLessThan(1e-4);
        }
      }
      const mean = distances.reduce((sum, x) => sum + x, 0) / distances.length;
      expect(mean, `LPIPS at ${side} px: ${distances.map((x) => x.toFixed(3))}`).toBeLessThanOrEqual(
        FARTHEST.mean,
      );
      expect(Math.max(...distances)).toBeLessThanOrEqual(FARTHEST.single);
    }
  });

  it('multiply less than the whole image, the less the smaller they are', () => {
    const { heads } = readHeads();
    const whole = macsOf(synthesis);
    const share = (side: number) => macsOf(levelGraph(synthesis, side, heads.get(side))) / whole;
    expect(share(512)).toBeLessThan(0.99);
    expect(share(256)).toBeLessThan(0.8);
    expect(share(128)).toBeLessThan(0.6);
    expect(share(64)).toBeLessThan(0.35);
  });

  it('are the same bytes for the same request, and near the whole image as it was reduced before', async () => {
    const renderer = await Renderer.load(options);
    const latent = latents.at(-2)!;
    const of = (size: number) => renderer.render({ latent, size, format: 'png' });
    const first = await of(200);
    expect(await of(200)).toEqual(first);
    expect((await of(1024)).image.length).toBeGreaterThan(first.image.length);
    const side = 200;
    const small = await toTensor(first.image, side);
    const large = await toTensor((await of(1024)).image, side);
    const { distance } = await lpips.run({ a: shown(small, side), b: shown(large, side) });
    expect(distance!.data[0]).toBeLessThan(FARTHEST.mean);
  });
});
