/** Judges latents by the nets themselves, apart from the step graphs: the same measure for every way to get there. */
import { join } from 'node:path';
import { Generator } from '../../src/engine/generator.js';
import { openSession, type Session } from '../../src/engine/session.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import type { ModelManifest } from '../../src/models/manifest.js';
import { PERCEPTUAL_LAYERS } from '../../src/models/stylegan/loss.js';
import { MODELS_DIR } from '../workspace.js';

export interface Verdict {
  /** The paper's loss at 256 px: un-squared feature norms, summed. */
  loss: number;
  /** LPIPS (VGG) at 256 px. */
  lpips: number;
}

/** Judges W+ latents [16,512] against one photo. */
export type Judgement = (latent: Float32Array) => Promise<Verdict>;

type Features = Record<string, Float32Array>;

export class Judge {
  private constructor(
    private readonly generator: Generator,
    private readonly vgg: Session,
    private readonly lpips: Session,
  ) {}

  static async load(manifest: ModelManifest, threads: number): Promise<Judge> {
    const session = { device: 'cpu', threads } as const;
    const dimensions = { N: 1, H: TARGET_SIZE, W: TARGET_SIZE };
    const open = (file: string) => openSession(join(MODELS_DIR, file), { ...session, dimensions });
    return new Judge(
      await Generator.load({ modelsDir: MODELS_DIR, manifest, session }),
      await open('vgg16.onnx'),
      await open('lpips.onnx'),
    );
  }

  /** `target` is an image [3,256,256] in -1..1. */
  async of(target: Float32Array): Promise<Judgement> {
    const wanted = await this.features(target);
    return async (latent) => {
      const image = reduced(await this.generator.render(latent), this.generator.resolution);
      const features = await this.features(image);
      const loss = PERCEPTUAL_LAYERS.reduce((sum, name) => sum + distance(features[name]!, wanted[name]!), 0);
      const { distance: lpips } = await this.lpips.run({ a: tensor(image), b: tensor(target) });
      return { loss, lpips: lpips!.data[0]! };
    };
  }

  private async features(image: Float32Array): Promise<Features> {
    const outputs = await this.vgg.run({ image: tensor(image) });
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
  }
}

const tensor = (data: Float32Array) => ({ data, shape: [1, 3, TARGET_SIZE, TARGET_SIZE] });

/** [3,side,side] -> [3,256,256], the mean of each square; `side` is a multiple of 256. */
export function reduced(image: Float32Array, side: number): Float32Array {
  const factor = side / TARGET_SIZE;
  const out = new Float32Array(3 * TARGET_SIZE * TARGET_SIZE);
  for (let row = 0; row < 3 * side; row++) {
    const to = Math.floor(row / factor) * TARGET_SIZE;
    const from = row * side;
    for (let x = 0; x < side; x++) out[to + Math.floor(x / factor)]! += image[from + x]! / (factor * factor);
  }
  return out;
}

/** ||a - b||_2, summed in double precision. */
export function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}
