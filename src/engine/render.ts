/** Images of latents, encoded. */
import { encodeTensor } from '../images.js';
import { type EngineOptions, Generator } from './generator.js';
import { ImageLevels } from './image-levels.js';
import { once } from './once.js';
import type { Drawn, EngineCalls } from './protocol.js';
import { RegionRenderer } from './regions.js';

/** An image [3,side,side] about -1..1. */
export interface Image {
  pixels: Float32Array;
  side: number;
}

export class Renderer {
  private constructor(
    readonly generator: Generator,
    private readonly levels: ImageLevels,
    /** Asked for seldom, with a graph of its own. */
    private readonly regions: () => Promise<RegionRenderer>,
  ) {}

  static async load(options: EngineOptions): Promise<Renderer> {
    const regions = once(() => RegionRenderer.load(options));
    return new Renderer(await Generator.load(options), ImageLevels.load(options), regions);
  }

  get device() {
    return this.generator.device;
  }

  /** Renders once from `latent`, to have everything allocated before the first request. */
  async warmUp(latent: Float32Array): Promise<void> {
    await this.generator.render(latent);
  }

  async render(params: EngineCalls['render']['in']): Promise<EngineCalls['render']['out']> {
    const { pixels, side } = await this.draw(params, params.size);
    const { size, format, quality } = params;
    return { image: await encodeTensor(pixels, side, side, { size, format, quality }) };
  }

  /** The image whose side is the least that costs no more and is at least `size`. */
  async draw(drawn: Drawn, size: number): Promise<Image> {
    const level = 'latent' in drawn ? this.levels.sideFor(size) : undefined;
    if (level === undefined || !('latent' in drawn)) return this.whole(drawn);
    return { pixels: await this.levels.render(drawn.latent, level), side: level };
  }

  /** The image at the generator's own side. */
  async whole(drawn: Drawn): Promise<Image> {
    const side = this.generator.resolution;
    if ('latent' in drawn) return { pixels: await this.generator.render(drawn.latent), side };
    return { pixels: await (await this.regions()).mix(drawn), side };
  }
}
