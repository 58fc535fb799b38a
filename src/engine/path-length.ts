/** Distances along a morph, for its perceptual path length. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readOnnx } from '../models/graph/read-onnx.js';
import { verify } from '../models/graph/verify.js';
import { writeOnnx } from '../models/graph/write-onnx.js';
import type { ModelManifest } from '../models/manifest.js';
import { pplGraph } from '../models/metrics/ppl-graph.js';
import { morph } from '../models/morph.js';
import type { EngineOptions } from './generator.js';
import type { EngineCalls } from './protocol.js';
import { openSession, type Session } from './session.js';
import { TARGET_SIZE } from './step-model.js';

export class PathLength {
  private constructor(
    private readonly session: Session,
    private readonly generator: ModelManifest['generator'],
  ) {}

  /**
   * Runs on the CPU whatever serves the generator: images a step of 1e-4 apart differ in digits that the reduced
   * precision of convolutions on a GPU (TF32) does not have.
   */
  static async load({ modelsDir, manifest, session }: EngineOptions): Promise<PathLength> {
    const read = async (file: string, dims: Record<string, number>) =>
      readOnnx(await readFile(join(modelsDir, file)), { dims });
    const synthesis = await read('synthesis.onnx', { N: 2 });
    const vgg = await read('vgg16.onnx', { N: 2, H: TARGET_SIZE, W: TARGET_SIZE });
    const model = writeOnnx(verify(pplGraph({ synthesis, vgg })));
    const options = { device: 'cpu' as const, threads: session.threads };
    return new PathLength(await openSession(model, options), manifest.generator);
  }

  /** Squared feature distance of the images at two lambdas of a morph, judged at 256 px. */
  async distance(params: EngineCalls['pathDistance']['in']): Promise<EngineCalls['pathDistance']['out']> {
    const { a, b, mode, crossover, from, to } = params;
    const { styles: layers, styleDim: dim } = this.generator;
    const w = new Float32Array(2 * layers * dim);
    [from, to].forEach((lambda, i) => {
      w.set(morph(a, b, { layers, dim }, { mode, lambda, crossover }), i * layers * dim);
    });
    const { distance } = await this.session.run({ w: { data: w, shape: [2, layers, dim] } });
    return { squared: distance!.data[0]! };
  }

  release(): Promise<void> {
    return this.session.release();
  }
}
