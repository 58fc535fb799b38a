/** Images of latents, encoded. */
import { encodeTensor } from '../images.js';
import { type EngineOptions, Generator } from './generator.js';
import { ImageLevels } from './image-levels.js';
import type { EngineCalls } from './protocol.js';

export class Renderer {
  private constructor(
    private readonly generator: Generator,
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
    const level = this.levels.sideFor(encoding.size);
    const side = level ?? this.generator.resolution;
    const pixels = await (level ? this.levels.render(latent, level) : this.generator.render(latent));
    return { image: await encodeTensor(pixels, side, side, encoding) };
  }
}
