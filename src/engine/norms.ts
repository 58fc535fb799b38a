/** How far latents lie from where the generator's own lie. */
import { join } from 'node:path';
import { type PnNorms, pnNorms } from '../models/metrics/pn.js';
import type { EngineOptions } from './generator.js';
import { openSession, type Session } from './session.js';

export class Norms {
  private constructor(
    private readonly whitening: Session,
    private readonly shape: readonly [styles: number, dim: number],
  ) {}

  static async load({ modelsDir, manifest, session }: EngineOptions): Promise<Norms> {
    const { styles, styleDim } = manifest.generator;
    const path = join(modelsDir, 'whitening.onnx');
    const whitening = await openSession(path, { ...session, dimensions: { N: 1, L: styles } });
    return new Norms(whitening, [styles, styleDim]);
  }

  /** P_N norms of a W+ latent [16,512]. */
  async of(latent: Float32Array): Promise<PnNorms> {
    const [styles, dim] = this.shape;
    const { p } = await this.whitening.run({ w: { data: latent, shape: [1, styles, dim] } });
    return pnNorms(p!.data, styles);
  }

  release(): Promise<void> {
    return this.whitening.release();
  }
}
