/** The generator as a session: W+ latents in, images out. */
import { join } from 'node:path';
import type { ModelManifest } from '../models/manifest.js';
import { openSession, type Session, type SessionOptions } from './session.js';

export interface EngineOptions {
  modelsDir: string;
  manifest: ModelManifest;
  session: SessionOptions;
}

/** Renders single W+ latents [16,512] as images [3,S,S] about -1..1, flat. */
export class Generator {
  private constructor(
    private readonly session: Session,
    private readonly manifest: ModelManifest,
  ) {}

  static async load({ modelsDir, manifest, session }: EngineOptions): Promise<Generator> {
    const path = join(modelsDir, 'synthesis.onnx');
    return new Generator(await openSession(path, { ...session, dimensions: { N: 1 } }), manifest);
  }

  get device() {
    return this.session.device;
  }

  /** Side of the images in pixels. */
  get resolution(): number {
    return this.manifest.generator.resolution;
  }

  /** Sizes of the latents. */
  get shape() {
    const { styles, styleDim } = this.manifest.generator;
    return { layers: styles, dim: styleDim };
  }

  async render(latent: Float32Array): Promise<Float32Array> {
    const { styles, styleDim } = this.manifest.generator;
    const { image } = await this.session.run({ w: { data: latent, shape: [1, styles, styleDim] } });
    return image!.data;
  }
}
