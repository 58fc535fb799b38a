/** Morphs, from two stored latents to an encoded image. */
import { encodeTensor } from '../images.js';
import { morph } from '../models/morph.js';
import { type EngineOptions, Generator } from './generator.js';
import type { EngineCalls } from './protocol.js';

export class Renderer {
  private constructor(
    private readonly generator: Generator,
    private readonly shape: { layers: number; dim: number },
  ) {}

  static async load(options: EngineOptions): Promise<Renderer> {
    const { styles, styleDim } = options.manifest.generator;
    return new Renderer(await Generator.load(options), { layers: styles, dim: styleDim });
  }

  get device() {
    return this.generator.device;
  }

  /** Renders once from `latent`, to have everything allocated before the first request. */
  async warmUp(latent: Float32Array): Promise<void> {
    await this.generator.render(latent);
  }

  async morph(params: EngineCalls['morph']['in']): Promise<EngineCalls['morph']['out']> {
    const { a, b, mode, lambda, crossover, size, format } = params;
    const pixels = await this.generator.render(morph(a, b, this.shape, { mode, lambda, crossover }));
    const side = this.generator.resolution;
    return { image: await encodeTensor(pixels, side, side, { format, size }) };
  }
}
