/** Judges images and morphs by the nets themselves, in this process: the same measures for every way to a latent. */

import type { MorphMode } from '../../src/contracts.js';
import { Generator } from '../../src/engine/generator.js';
import { Measurer } from '../../src/engine/measure.js';
import { PathLength } from '../../src/engine/path-length.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { encodeTensor, toTensor } from '../../src/images.js';
import type { ModelManifest } from '../../src/models/manifest.js';
import type { PnNorms } from '../../src/models/metrics/pn.js';
import { perceptualPathLength } from '../../src/models/metrics/ppl.js';
import { reduced } from '../../src/models/metrics/reduce.js';
import { defaultCrossover, type LatentShape, morph } from '../../src/models/morph.js';
import { PERCEPTUAL_LAYERS } from '../../src/models/stylegan/loss.js';
import { MODELS_DIR } from '../workspace.js';

export class QualityJudge {
  /** Image [3,1024,1024] of the average latent. */
  #average: Promise<Float32Array> | undefined;
  #path: Promise<PathLength> | undefined;

  private constructor(
    private readonly manifest: ModelManifest,
    private readonly threads: number,
    private readonly generator: Generator,
    private readonly measurer: Measurer,
  ) {}

  static async load(manifest: ModelManifest, threads: number): Promise<QualityJudge> {
    const session = { device: 'cpu' as const, threads, frugal: true };
    const options = { modelsDir: MODELS_DIR, manifest, session };
    return new QualityJudge(manifest, threads, await Generator.load(options), await Measurer.load(options));
  }

  get shape(): LatentShape {
    const { styles: layers, styleDim: dim } = this.manifest.generator;
    return { layers, dim };
  }

  render(latent: Float32Array): Promise<Float32Array> {
    return this.generator.render(latent);
  }

  /** The average latent in every style, [16,512]. */
  get average(): Float32Array {
    const { averageLatent } = this.manifest;
    const { layers, dim } = this.shape;
    return Float32Array.from({ length: layers * dim }, (_, i) => averageLatent[i % dim]!);
  }

  /** What a latent is worth as the likeness of an encoded, aligned photo, and its image as PNG. */
  async likeness(latent: Float32Array, photo: Uint8Array) {
    const side = this.generator.resolution;
    const image = await this.render(latent);
    const target = await toTensor(photo, TARGET_SIZE);
    const distances = await this.measurer.distances(reduced(image, TARGET_SIZE), target);
    const { lpips, mse, pixel } = distances;
    const pn = await this.measurer.pn(latent);
    return {
      lpips,
      mse,
      pixel,
      /** The paper's loss at 256 px without its pixel term. */
      perceptual: PERCEPTUAL_LAYERS.reduce((sum, layer) => sum + distances[layer], 0),
      identity: await this.measurer.identity(image, await toTensor(photo, side)),
      pnMean: pn.mean,
      pnMax: pn.max,
      png: await encodeTensor(image, side, side, { format: 'png' }),
    };
  }

  /** LPIPS of encoded pictures against an encoded photo, at 256 px. */
  async lpips(pictures: readonly Uint8Array[], photo: Uint8Array): Promise<number[]> {
    const target = await toTensor(photo, TARGET_SIZE);
    const values: number[] = [];
    for (const picture of pictures) {
      values.push((await this.measurer.distances(await toTensor(picture, TARGET_SIZE), target)).lpips);
    }
    return values;
  }

  /** LPIPS of the average face against an encoded photo. */
  async averageLpips(photo: Uint8Array): Promise<number> {
    this.#average ??= this.render(this.average);
    const image = reduced(await this.#average, TARGET_SIZE);
    return (await this.measurer.distances(image, await toTensor(photo, TARGET_SIZE))).lpips;
  }

  /** Descriptor [128] of an encoded aligned face, or of an image tensor [3,1024,1024]. */
  async describe(face: Uint8Array | Float32Array): Promise<Float32Array> {
    const image = face instanceof Float32Array ? face : await toTensor(face, this.generator.resolution);
    return this.measurer.describe(image);
  }

  pn(latent: Float32Array): Promise<PnNorms> {
    return this.measurer.pn(latent);
  }

  /** Perceptual path length of a morph at the default crossover of its mode. */
  async pathLength(a: Float32Array, b: Float32Array, mode: MorphMode): Promise<number> {
    this.#path ??= PathLength.load({
      modelsDir: MODELS_DIR,
      manifest: this.manifest,
      session: { device: 'cpu', threads: this.threads },
    });
    const path = await this.#path;
    const crossover = defaultCrossover(mode, this.shape);
    const { ppl } = await perceptualPathLength(
      async (from, to) => (await path.distance({ a, b, mode, crossover, from, to })).squared,
    );
    return ppl;
  }

  morph(a: Float32Array, b: Float32Array, mode: MorphMode, lambda: number): Float32Array {
    return morph(a, b, this.shape, { mode, lambda, crossover: defaultCrossover(mode, this.shape) });
  }
}

/** Share of the channel values of an image tensor that a picture cannot show: outside of -1..1, which are clipped. */
export function saturation(image: Float32Array): number {
  let count = 0;
  for (const value of image) if (Math.abs(value) > 1) count++;
  return count / image.length;
}
