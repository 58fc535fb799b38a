/** The closed-form start, on the real weights and on photographs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { Faces } from '../../src/engine/faces.js';
import { Generator } from '../../src/engine/generator.js';
import { Measurer } from '../../src/engine/measure.js';
import { startLatent } from '../../src/engine/start.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { readEncoder } from '../../src/models/encoder/weights.js';
import { readManifest } from '../../src/models/manifest.js';
import { reduced } from '../../src/models/metrics/reduce.js';
import { samplePhoto } from '../support/photos.js';
import { portrait } from '../support/portraits.js';

const { modelsDir, threads } = loadConfig();

describe('the start of a projection', () => {
  let options: Parameters<typeof startLatent>[0];
  let generator: Generator;
  let measurer: Measurer;
  let faces: Faces;
  beforeAll(async () => {
    const session = { device: 'cpu' as const, threads };
    options = { modelsDir, manifest: await readManifest(modelsDir), session };
    generator = await Generator.load(options);
    measurer = await Measurer.load(options);
    faces = await Faces.load({ session: { threads: 1 } });
  });
  afterAll(() => faces?.release());

  it('is fitted on the generator that is installed', () => {
    expect(readEncoder().info.generator).toBe(options.manifest.generator.hash);
  });

  it.each([
    ['a portrait', () => portrait('obama')],
    ['a snapshot', () => samplePhoto(1)],
  ])('looks more like %s than the average face does, whole or tied', async (_, photo) => {
    const image = await photo();
    const found = await faces.detect(image);
    const { target } = await faces.align(image, found.faces[0]!.landmarks);
    const lpips = async (start: 'encoder' | 'average', styles: number): Promise<number> => {
      const { latent } = await startLatent(options, { start, target, styles, seed: undefined });
      expect(latent.length).toBe(styles * 512);
      const wide = Float32Array.from({ length: 16 * 512 }, (_, i) => {
        const style = Math.floor((Math.floor(i / 512) * styles) / 16);
        return latent[style * 512 + (i % 512)]!;
      });
      const shown = reduced(await generator.render(wide), TARGET_SIZE);
      return (await measurer.distances(shown, target)).lpips;
    };
    const average = await lpips('average', 16);
    expect(await lpips('encoder', 16)).toBeLessThan(0.93 * average);
    expect(await lpips('encoder', 4)).toBeLessThan(0.97 * average);
  });
});
