/** Images of latents, encoded. */
import { encodeTensor } from '../images.js';
import { type EngineOptions, Generator } from './generator.js';
import type { EngineCalls } from './protocol.js';

export class Renderer {
  private constructor(readonly generator: Generator) {}

  static async load(options: EngineOptions): Promise<Renderer> {
    return new Renderer(await Generator.load(options));
  }

  get device() {
    return this.generator.device;
  }

  /** Renders once from `latent`, to have everything allocated before the first request. */
  async warmUp(latent: Float32Array): Promise<void> {
    await this.generator.render(latent);
  }

  async render(params: EngineCalls['render']['in']): Promise<EngineCalls['render']['out']> {
    const { latent, ...encoding } = params;
    const pixels = await this.generator.render(latent);
    const side = this.generator.resolution;
    return { image: await encodeTensor(pixels, side, side, encoding) };
  }
}
