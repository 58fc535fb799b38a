/** The end of a projection: the latent written out, its image, and what both are worth. */
import type { Measurement } from '../contracts.js';
import { encodeTensor, toTensor } from '../images.js';
import { measurePhoto } from '../models/metrics/photo.js';
import { photoWarnings } from '../models/metrics/photo-warnings.js';
import { reduced } from '../models/metrics/reduce.js';
import { verdictOf } from '../models/metrics/verdict.js';
import { untied } from '../models/stylegan/untie.js';
import { type EngineOptions, Generator } from './generator.js';
import { Measurer } from './measure.js';
import type { EngineCalls } from './protocol.js';
import { TARGET_SIZE } from './step-model.js';

type FinishCall = EngineCalls['finish'];

export class Finisher {
  private constructor(
    private readonly generator: Generator,
    private readonly measurer: Measurer,
    private readonly shape: { layers: number; dim: number },
  ) {}

  static async load(options: EngineOptions): Promise<Finisher> {
    const { styles: layers, styleDim: dim } = options.manifest.generator;
    return new Finisher(await Generator.load(options), await Measurer.load(options), { layers, dim });
  }

  async finish(params: FinishCall['in']): Promise<FinishCall['out']> {
    const latent = untied(params.latent, this.shape);
    const side = this.generator.resolution;
    const image = await this.generator.render(latent);
    return {
      latent,
      reconstruction: await encodeTensor(image, side, side, { format: 'png' }),
      quality: await this.measure(params, latent, image),
    };
  }

  private async measure(
    { target, pixelWeight, photo }: FinishCall['in'],
    latent: Float32Array,
    image: Float32Array,
  ): Promise<Measurement> {
    const distances = await this.measurer.distances(reduced(image, TARGET_SIZE), target);
    const { lpips, mse, psnr, msSsim, ...losses } = distances;
    const { pixel, ...layers } = losses;
    const loss = Object.values(layers).reduce((sum, norm) => sum + norm, pixelWeight * pixel);
    const aligned = await toTensor(photo.aligned, this.generator.resolution);
    const identity = await this.measurer.identity(image, aligned);
    const pn = await this.measurer.pn(latent);
    return rounded({
      loss,
      lpips,
      losses,
      mse,
      psnr,
      msSsim,
      identity,
      pn,
      ...verdictOf({ identity, lpips, pn: pn.mean }),
      warnings: photoWarnings(measurePhoto({ ...photo, target })),
    });
  }
}

/** Every number to seven significant digits, all that a float32 holds: records stay small. */
function rounded(measurement: Measurement): Measurement {
  const text = JSON.stringify(measurement, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(7)) : value,
  );
  return JSON.parse(text) as Measurement;
}
