/** LPIPS between images along a morph, for the pace of its animations. */
import { join } from 'node:path';
import { reduced } from '../models/metrics/reduce.js';
import { morph } from '../models/morph.js';
import type { EngineOptions } from './generator.js';
import type { EngineCalls } from './protocol.js';
import type { Renderer } from './render.js';
import { openSession, type Session } from './session.js';

/** Side in pixels at which the images are judged: enough for a ratio of distances, at a quarter of the cost of 256. */
const SIDE = 128;
const STAGES = ['lpips1', 'lpips2', 'lpips3', 'lpips4', 'lpips5'] as const;

type Params = EngineCalls['pathLpips']['in'];
/** Embeddings in which LPIPS is a squared distance (models/stylegan/lpips.ts), each with its number of places. */
type Seen = { data: Float32Array; places: number }[];

export class PathLpips {
  /** The image at the end of the last call, which is where the next one begins. */
  #last: { params: Params; seen: Seen } | undefined;

  private constructor(
    private readonly vgg: Session,
    private readonly renderer: Renderer,
  ) {}

  static async load({ modelsDir, session }: EngineOptions, renderer: Renderer): Promise<PathLpips> {
    const dimensions = { N: 1, H: SIDE, W: SIDE };
    return new PathLpips(
      await openSession(join(modelsDir, 'vgg16.onnx'), { ...session, dimensions }),
      renderer,
    );
  }

  async distance(params: Params): Promise<EngineCalls['pathLpips']['out']> {
    const before = this.#last && continues(this.#last.params, params) ? this.#last.seen : undefined;
    const x = before ?? (await this.#see(params, params.from));
    const y = await this.#see(params, params.to);
    this.#last = { params, seen: y };
    return {
      lpips: x.reduce((sum, { data, places }, i) => sum + squaredDistance(data, y[i]!.data) / places, 0),
    };
  }

  async #see({ a, b, mode, crossover }: Params, lambda: number): Promise<Seen> {
    const latent = morph(a, b, this.renderer.generator.shape, { mode, lambda, crossover });
    const { pixels } = await this.renderer.draw({ latent }, SIDE);
    const tensors = await this.vgg.run({
      image: { data: reduced(pixels, SIDE), shape: [1, 3, SIDE, SIDE] },
    });
    return STAGES.map((stage) => {
      const { data, shape } = tensors[stage]!;
      return { data, places: shape[2]! * shape[3]! };
    });
  }
}

function continues(last: Params, next: Params): boolean {
  const same = last.mode === next.mode && last.crossover === next.crossover && last.to === next.from;
  return same && equal(last.a, next.a) && equal(last.b, next.b);
}

const equal = (x: Float32Array, y: Float32Array): boolean =>
  x.length === y.length && x.every((v, i) => v === y[i]);

function squaredDistance(x: Float32Array, y: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! - y[i]!) ** 2;
  return sum;
}
