/** Measures of a projection's result: how near the image comes to the photo, and the latent to the generator's own. */
import { join } from 'node:path';
import { descriptorDistance, Identity } from '../models/face/identity.js';
import { MEASURED_SIZE, MEASURES } from '../models/metrics/measure-graph.js';
import type { PnNorms } from '../models/metrics/pn.js';
import type { EngineOptions } from './generator.js';
import { Norms } from './norms.js';
import { openSession, type Session } from './session.js';

/** By the names that models/metrics/measure-graph.ts explains. */
export type Distances = Record<(typeof MEASURES)[number], number>;

const IMAGE = [1, 3, MEASURED_SIZE, MEASURED_SIZE];

export class Measurer {
  private constructor(
    private readonly measure: Session,
    private readonly norms: Norms,
    private readonly faces: Identity,
  ) {}

  /** The identity net runs on the CPU, as the other face nets: it is too small to be worth memory on a GPU. */
  static async load(options: EngineOptions): Promise<Measurer> {
    const { modelsDir, session } = options;
    return new Measurer(
      await openSession(join(modelsDir, 'measure.onnx'), { ...session, dimensions: { N: 1 } }),
      await Norms.load(options),
      await Identity.load((model) => openSession(model, { device: 'cpu', threads: session.threads })),
    );
  }

  /** Distances of two images [3,256,256] -1..1. */
  async distances(image: Float32Array, target: Float32Array): Promise<Distances> {
    const out = await this.measure.run({
      image: { data: image, shape: IMAGE },
      target: { data: target, shape: IMAGE },
    });
    return Object.fromEntries(MEASURES.map((name) => [name, out[name]!.data[0]!])) as Distances;
  }

  /** Who an aligned face [3,1024,1024] -1..1 is: a descriptor [128]. */
  describe(image: Float32Array): Promise<Float32Array> {
    return this.faces.describe(image);
  }

  /** Distance of the persons on two aligned faces [3,1024,1024] -1..1. */
  async identity(a: Float32Array, b: Float32Array): Promise<number> {
    return descriptorDistance(await this.describe(a), await this.describe(b));
  }

  /** P_N norms of a W+ latent [16,512]. */
  pn(latent: Float32Array): Promise<PnNorms> {
    return this.norms.of(latent);
  }

  async release(): Promise<void> {
    await Promise.all([this.measure.release(), this.norms.release(), this.faces.release()]);
  }
}
