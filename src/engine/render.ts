/** Images of latents, encoded. */
import { encodeTensor } from '../images.js';
import { type EngineOptions, Generator } from './generator.js';
import { ImageLevels } from './image-levels.js';
import type { EngineCalls } from './protocol.js';

export class Renderer {
  private constructor(
    readonly generator: Generator,
    private readonly levels: ImageLevels,
  ) {}

  static async load(options: EngineOptions): Promise<Renderer> {
    return new Renderer(await Generator.load(options), ImageLevels.load(options));
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
    const { pixels, side } = await this.draw(latent, encoding.size);
    return { image: await encodeTensor(pixels, side, side, encoding) };
  }

  /** Image [3,side,side] about -1..1 of the least side that costs no more and is at least `size`. */
  async draw(latent: Float32Array, size: number): Promise<{ pixels: Float32Array; side: number }> {
    const level = this.levels.sideFor(size);
    if (level) return { pixels: await this.levels.render(latent, level), side: level };
    return this.whole(latent);
  }

  /** Image of the generator's own side. */
  async whole(latent: Float32Array): Promise<{ pixels: Float32Array; side: number }> {
    return { pixels: await this.generator.render(latent), side: this.generator.resolution };
  }
}
