/** Measures of a projection's result: how near the image comes to the photo, and the latent to the generator's own. */
import { join } from 'node:path';
import { descriptorDistance, Identity } from '../models/face/identity.js';
import { MEASURED_SIZE, MEASURES } from '../models/metrics/measure-graph.js';
import { type PnNorms, pnNorms } from '../models/metrics/pn.js';
import type { EngineOptions } from './generator.js';
import { openSession, type Session } from './session.js';

/** By the names that models/metrics/measure-graph.ts explains. */
export type Distances = Record<(typeof MEASURES)[number], number>;

const IMAGE = [1, 3, MEASURED_SIZE, MEASURED_SIZE];

export class Measurer {
  private constructor(
    private readonly measure: Session,
    private readonly whitening: Session,
    private readonly faces: Identity,
    private readonly shape: readonly [styles: number, dim: number],
  ) {}

  /** The identity net runs on the CPU, as the other face nets: it is too small to be worth memory on a GPU. */
  static async load({ modelsDir, manifest, session }: EngineOptions): Promise<Measurer> {
    const { styles, styleDim } = manifest.generator;
    const open = (file: string, dimensions: Record<string, number>) =>
      openSession(join(modelsDir, file), { ...session, dimensions });
    return new Measurer(
      await open('measure.onnx', { N: 1 }),
      await open('whitening.onnx', { N: 1, L: styles }),
      await Identity.load((model) => openSession(model, { device: 'cpu', threads: session.threads })),
      [styles, styleDim],
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
  async pn(latent: Float32Array): Promise<PnNorms> {
    const [styles, dim] = this.shape;
    const { p } = await this.whitening.run({ w: { data: latent, shape: [1, styles, dim] } });
    return pnNorms(p!.data, styles);
  }

  async release(): Promise<void> {
    await Promise.all([this.measure.release(), this.whitening.release(), this.faces.release()]);
  }
}
