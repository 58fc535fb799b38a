/** Images of latents, encoded. */
import { encodeTensor } from '../images.js';
import { type EngineOptions, Generator } from './generator.js';
import type { EngineCalls } from './protocol.js';

export class Renderer {
  private constructor(private readonly generator: Generator) {}

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

  /** Image [3,side,side] about -1..1. */
  async pixels(latent: Float32Array): Promise<{ pixels: Float32Array; side: number }> {
    return { pixels: await this.generator.render(latent), side: this.generator.resolution };
  }

  async render(params: EngineCalls['render']['in']): Promise<EngineCalls['render']['out']> {
    const { latent, ...encoding } = params;
    const { pixels, side } = await this.pixels(latent);
    return { image: await encodeTensor(pixels, side, side, encoding) };
  }
}
