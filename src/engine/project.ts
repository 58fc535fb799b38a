/** Projections: photos into W+. */
import { encodeTensor } from '../images.js';
import { contrastShare } from '../models/metrics/contrast.js';
import type { EngineOptions } from './generator.js';
import { kindOf, type ProjectChunk, type ProjectChunkResult } from './protocol.js';
import type { UsedDevice } from './session.js';
import { TARGET_SIZE } from './step-model.js';
import { openStepper, type StepBatchResult } from './stepper.js';
import { Steppers } from './steppers.js';

export class Projector {
  private readonly steppers: Steppers;

  constructor(private readonly options: EngineOptions) {
    this.steppers = new Steppers((variant) => openStepper(options, variant));
  }

  /** Device of the steps; undefined before the first. */
  get device(): UsedDevice | undefined {
    return this.steppers.device;
  }

  /**
   * Takes Adam steps for several photos at once: as many as the shortest list of learning rates asks for. All chunks
   * share `space`, `judgedAt`, their number of styles, and whether LPIPS joins the loss. Shapes as in `ProjectChunk`.
   */
  async run(chunks: readonly ProjectChunk[]): Promise<ProjectChunkResult[]> {
    const result = await this.steps(chunks);
    return Promise.all(
      chunks.map(async ({ target }, i) => {
        const part = (all: Float32Array) => all.slice(...slot(all, i, chunks.length));
        const preview = part(result.preview);
        return {
          latent: part(result.latent),
          m: part(result.m),
          v: part(result.v),
          losses: result.losses.map((row) => row[i]!),
          contrast: contrastShare(preview, target),
          preview: await encodeTensor(preview, TARGET_SIZE, TARGET_SIZE, { format: 'jpeg' }),
        };
      }),
    );
  }

  private async steps(chunks: readonly ProjectChunk[]): Promise<StepBatchResult> {
    const [{ latent, space, judgedAt, lpipsWeight }] = chunks as [ProjectChunk];
    const styles = latent.length / this.options.manifest.generator.styleDim;
    if (new Set(chunks.map(kindOf)).size > 1)
      throw new Error(
        'Expected photos of one batch to share space, judged side, number of styles and terms of the loss',
      );
    const stepper = await this.steppers.get({
      space,
      styles,
      judgedAt,
      batch: chunks.length,
      lpips: lpipsWeight > 0,
    });
    const count = Math.min(...chunks.map((c) => c.learningRates.length));
    return stepper.run({
      target: joined(chunks.map((c) => c.target)),
      latent: joined(chunks.map((c) => c.latent)),
      m: joined(chunks.map((c) => c.m)),
      v: joined(chunks.map((c) => c.v)),
      step: chunks.map((c) => c.step),
      learningRates: Array.from({ length: count }, (_, k) => chunks.map((c) => c.learningRates[k]!)),
      pixelWeight: chunks.map((c) => c.pixelWeight),
      prior: chunks.map((c) => c.prior),
      lpipsWeight: chunks.map((c) => c.lpipsWeight),
    });
  }
}

/** Bounds of photo `i` of `n` in something flat over the batch. */
function slot({ length }: Float32Array, i: number, n: number): [from: number, to: number] {
  return [(i * length) / n, ((i + 1) * length) / n];
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
