/** Projections: photos into W+. */
import { join } from 'node:path';
import { encodeTensor } from '../images.js';
import { startLatent } from '../models/stylegan/start.js';
import { type EngineOptions, Generator } from './generator.js';
import type { EngineCalls, ProjectChunk, ProjectChunkResult } from './protocol.js';
import { openSession, type Session, type UsedDevice } from './session.js';
import { type StepVariant, stepModel, TARGET_SIZE } from './step-model.js';

const IMAGE = [1, 3, TARGET_SIZE, TARGET_SIZE];

export class Projector {
  /** Sessions of the projection at hand, by the side at which they judge; each takes about a gigabyte. */
  private step: { key: string; sessions: Map<number, Session> } = { key: '', sessions: new Map() };

  /** What only the end of a projection needs: opened for the first one that gets there, and kept. */
  private ending: { generator: Generator; lpips: Session } | undefined;

  constructor(private readonly options: EngineOptions) {}

  /** Device of the steps; undefined before the first. */
  get device(): UsedDevice | undefined {
    return [...this.step.sessions.values()][0]?.device;
  }

  start({ styles, seed }: EngineCalls['start']['in']): EngineCalls['start']['out'] {
    const { averageLatent, latentStd } = this.options.manifest;
    return { latent: startLatent(averageLatent, latentStd, styles, seed) };
  }

  /** Takes one Adam step per learning rate. Shapes as in `ProjectChunk`. */
  async run(chunk: ProjectChunk): Promise<ProjectChunkResult> {
    const { latentOut, mOut, vOut, losses, preview } = await this.steps(chunk);
    return {
      latent: latentOut!.data,
      m: mOut!.data,
      v: vOut!.data,
      losses: [...losses!.data],
      preview: await encodeTensor(preview!.data, TARGET_SIZE, TARGET_SIZE, { format: 'jpeg' }),
    };
  }

  /** Renders and measures the end of a projection. A step of rate 0 gives image and loss at the final latent itself. */
  async finish(params: EngineCalls['finish']['in']): Promise<EngineCalls['finish']['out']> {
    const { latent, space, target, pixelWeight } = params;
    const zeros = () => new Float32Array(latent.length);
    const still = {
      space,
      judgedAt: TARGET_SIZE,
      target,
      latent,
      m: zeros(),
      v: zeros(),
      step: 0,
      learningRates: [0],
      pixelWeight,
    };
    const { losses, preview } = await this.steps(still);
    const { generator, lpips } = await this.openEnding();
    const { distance } = await lpips.run({
      a: { data: preview!.data, shape: IMAGE },
      b: { data: target, shape: IMAGE },
    });
    const full = this.untied(latent);
    const side = generator.resolution;
    const pixels = await generator.render(full);
    return {
      latent: full,
      reconstruction: await encodeTensor(pixels, side, side, { format: 'png' }),
      lpips: distance!.data[0]!,
      loss: losses!.data[0]!,
    };
  }

  /** [styles, dim] -> [layers, dim]: tied styles written out. */
  private untied(latent: Float32Array): Float32Array {
    const { styles: layers, styleDim } = this.options.manifest.generator;
    const group = (layers * styleDim) / latent.length;
    return Float32Array.from({ length: layers * styleDim }, (_, i) => {
      const layer = Math.floor(i / styleDim);
      return latent[Math.floor(layer / group) * styleDim + (i % styleDim)]!;
    });
  }

  private async steps(chunk: ProjectChunk) {
    const { styleDim } = this.options.manifest.generator;
    const styles = chunk.latent.length / styleDim;
    const session = await this.sessionOf({ space: chunk.space, styles, judgedAt: chunk.judgedAt });
    const state = (data: Float32Array) => ({ data, shape: [1, styles, styleDim] });
    const scalar = (x: number) => ({ data: Float32Array.of(x), shape: [] });
    return session.run({
      target: { data: chunk.target, shape: IMAGE },
      latent: state(chunk.latent),
      m: state(chunk.m),
      v: state(chunk.v),
      step: scalar(chunk.step),
      learningRates: { data: Float32Array.from(chunk.learningRates), shape: [chunk.learningRates.length] },
      pixelWeight: scalar(chunk.pixelWeight),
    });
  }

  private async openEnding(): Promise<{ generator: Generator; lpips: Session }> {
    if (this.ending) return this.ending;
    const { modelsDir, session } = this.options;
    const dimensions = { N: 1, H: TARGET_SIZE, W: TARGET_SIZE };
    const lpips = await openSession(join(modelsDir, 'lpips.onnx'), { ...session, dimensions });
    this.ending = { generator: await Generator.load(this.options), lpips };
    return this.ending;
  }

  private async sessionOf(variant: StepVariant): Promise<Session> {
    const key = `${variant.space} ${variant.styles}`;
    if (this.step.key !== key) {
      for (const session of this.step.sessions.values()) await session.release();
      this.step = { key, sessions: new Map() };
    }
    const known = this.step.sessions.get(variant.judgedAt);
    if (known) return known;
    const { modelsDir, manifest, session } = this.options;
    const opened = await openSession(await stepModel(modelsDir, manifest, variant), session);
    this.step.sessions.set(variant.judgedAt, opened);
    return opened;
  }
}
