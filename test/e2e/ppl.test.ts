/** Perceptual path length on the real weights, between two latents that the mapping network made. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import type { MorphMode } from '../../src/contracts.js';
import { Generator } from '../../src/engine/generator.js';
import { PathLength } from '../../src/engine/path-length.js';
import { openSession } from '../../src/engine/session.js';
import { readManifest } from '../../src/models/manifest.js';
import { EPSILON, perceptualPathLength } from '../../src/models/metrics/ppl.js';
import { reduced } from '../../src/models/metrics/reduce.js';
import { defaultCrossover, morph } from '../../src/models/morph.js';
import { normalFrom } from '../../src/models/random.js';
import { PERCEPTUAL_LAYERS } from '../../src/models/stylegan/loss.js';

const { modelsDir, threads } = loadConfig();
const session = { device: 'cpu' as const, threads };
const shape = { layers: 16, dim: 512 };

describe('perceptual path length', () => {
  let path: PathLength;
  let a: Float32Array;
  let b: Float32Array;
  let options: Parameters<typeof PathLength.load>[0];
  beforeAll(async () => {
    options = { modelsDir, manifest: await readManifest(modelsDir), session };
    path = await PathLength.load(options);
    const mapping = await openSession(join(modelsDir, 'mapping.onnx'), { ...session, dimensions: { N: 1 } });
    const sampled = async (seed: number) => {
      const { w } = await mapping.run({
        z: { data: Float32Array.from({ length: 512 }, normalFrom(seed)), shape: [1, 512] },
      });
      return Float32Array.from({ length: 16 * 512 }, (_, i) => w!.data[i % 512]!);
    };
    [a, b] = [await sampled(1), await sampled(2)];
    await mapping.release();
  });
  afterAll(() => path?.release());

  const ppl = async (
    from: Float32Array,
    to: Float32Array,
    samples: number,
    mode: MorphMode = 'linear',
  ): Promise<number> => {
    const crossover = defaultCrossover(mode, shape);
    const measured = await perceptualPathLength(
      async (t, next) =>
        (await path.distance({ a: from, b: to, mode, crossover, from: t, to: next })).squared,
      samples,
    );
    return measured.ppl;
  };
  const midpoint = () => morph(a, b, shape, { mode: 'linear', lambda: 0.5, crossover: 0 });

  it('is zero for a morph between equal latents', async () => {
    expect(await ppl(a, a, 1)).toBe(0);
  });

  it.each(['linear', 'style', 'attribute'] as const)('is the same from either end: %s', async (mode) => {
    // Rounding alone differs. At two samples, so that a shift of all steps by one epsilon would show.
    expect((await ppl(a, b, 2, mode)) / (await ppl(b, a, 2, mode))).toBeCloseTo(1, 4);
  });

  it('grows with the square of the speed: a morph is twice the sum of its halves', async () => {
    const m = midpoint();
    const halves = (await ppl(a, m, 2)) + (await ppl(m, b, 2));
    expect((await ppl(a, b, 4)) / (2 * halves)).toBeCloseTo(1, 2);
  });

  it('is the distance of the nets themselves, summed in double precision', async () => {
    const generator = await Generator.load(options);
    const dimensions = { N: 1, H: 256, W: 256 };
    const vgg = await openSession(join(modelsDir, 'vgg16.onnx'), { ...session, dimensions });
    const seen = async (lambda: number) => {
      const image = await generator.render(morph(a, b, shape, { mode: 'linear', lambda, crossover: 0 }));
      const tensors = await vgg.run({ image: { data: reduced(image, 256), shape: [1, 3, 256, 256] } });
      return PERCEPTUAL_LAYERS.map((name) => tensors[name]!.data);
    };
    const from = 0.3;
    const x = await seen(from);
    // Measured: 4e-6 and 8e-5. The nearer the images, the fewer digits of their difference float32 holds.
    for (const [step, tolerance] of [
      [100 * EPSILON, 1e-4],
      [EPSILON, 2e-3],
    ] as const) {
      const to = from + step;
      const y = await seen(to);
      let squared = 0;
      for (const [layer, data] of x.entries()) {
        for (let i = 0; i < data.length; i++) squared += (data[i]! - y[layer]![i]!) ** 2;
      }
      const ours = await path.distance({ a, b, mode: 'linear', crossover: 0, from, to });
      expect(Math.abs(ours.squared / squared - 1), `${step}`).toBeLessThan(tolerance);
    }
    await vgg.release();
  });
});
