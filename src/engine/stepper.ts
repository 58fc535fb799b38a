/** Adam steps for a batch of photos, in the form that suits the device. */
import { join } from 'node:path';
import type { EngineOptions } from './generator.js';
import { mayUseCuda, openSession, type Session, type TensorValue, type UsedDevice } from './session.js';
import { type StepVariant, stepModel, TARGET_SIZE } from './step-model.js';

/** Flat over the batch: `target` [N,3,256,256], `latent` (in W), `m`, `v` [N,styles,512]; the rest one for each photo. */
export interface StepBatch {
  target: Float32Array;
  latent: Float32Array;
  m: Float32Array;
  v: Float32Array;
  /** Steps taken before. */
  step: number[];
  /** A row of N learning rates for each step to take. */
  learningRates: number[][];
  pixelWeight: number[];
  prior: number[];
  /** Asked for by the variants in which LPIPS joins the loss. */
  lpipsWeight: number[];
}

/** Flat over the batch likewise; `losses` one row of N for each step, before it; `preview` before the last one. */
export interface StepBatchResult {
  latent: Float32Array;
  m: Float32Array;
  v: Float32Array;
  losses: number[][];
  preview: Float32Array;
}

export interface Stepper {
  readonly device: UsedDevice;
  run(batch: StepBatch): Promise<StepBatchResult>;
  release(): Promise<void>;
}

/** Opens the steps of a variant: as one loop where the data stays on a GPU, as plain steps on the CPU. */
export async function openStepper(options: EngineOptions, variant: StepVariant): Promise<Stepper> {
  if (mayUseCuda(options.session)) {
    const path = await stepModel(options.modelsDir, options.manifest, 'loop', variant);
    const session = await openSession(path, options.session);
    if (session.device === 'cuda') return new LoopStepper(session, variant);
    await session.release();
  }
  return PlainStepper.open({ ...options, session: { ...options.session, device: 'cpu' } }, variant);
}

const perPhoto = (values: readonly number[]): TensorValue<Float32Array> => ({
  data: Float32Array.from(values),
  shape: [values.length],
});

const weights = ({ lpips }: StepVariant, batch: StepBatch) => ({
  pixelWeight: perPhoto(batch.pixelWeight),
  prior: perPhoto(batch.prior),
  ...(lpips && { lpipsWeight: perPhoto(batch.lpipsWeight) }),
});

const imageShape = (batch: number): number[] => [batch, 3, TARGET_SIZE, TARGET_SIZE];

class LoopStepper implements Stepper {
  constructor(
    private readonly session: Session,
    private readonly variant: StepVariant,
  ) {}

  get device(): UsedDevice {
    return this.session.device;
  }

  async run(batch: StepBatch): Promise<StepBatchResult> {
    const { styles, batch: n } = this.variant;
    const state = (data: Float32Array) => ({ data, shape: [n, styles, data.length / (n * styles)] });
    const { latentOut, mOut, vOut, losses, preview } = await this.session.run({
      target: { data: batch.target, shape: imageShape(n) },
      latent: state(batch.latent),
      m: state(batch.m),
      v: state(batch.v),
      step: perPhoto(batch.step),
      learningRates: {
        data: Float32Array.from(batch.learningRates.flat()),
        shape: [batch.learningRates.length, n],
      },
      ...weights(this.variant, batch),
    });
    return {
      latent: latentOut!.data,
      m: mOut!.data,
      v: vOut!.data,
      losses: batch.learningRates.map((_, k) => [...losses!.data.subarray(k * n, (k + 1) * n)]),
      preview: preview!.data,
    };
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

class PlainStepper implements Stepper {
  readonly device = 'cpu';
  /** Features of the photos at hand: they stay the same from call to call. */
  private given: { target: Float32Array; feeds: Record<string, TensorValue> } | undefined;

  private constructor(
    private readonly variant: StepVariant,
    private readonly step: Session,
    /** Opened for each photo and closed again: it is needed once in a hundred steps, and its weights weigh as much. */
    private readonly openTarget: () => Promise<Session>,
    /** Left out where Adam moves in W itself. */
    private readonly whitening: Session | undefined,
  ) {}

  static async open(options: EngineOptions, variant: StepVariant): Promise<PlainStepper> {
    const { modelsDir, manifest, session } = options;
    const part = async (name: 'step' | 'target') =>
      openSession(await stepModel(modelsDir, manifest, name, variant), session);
    const dimensions = { N: 1, L: variant.batch * variant.styles };
    return new PlainStepper(
      variant,
      await part('step'),
      () => part('target'),
      variant.space === 'pn'
        ? await openSession(join(modelsDir, 'step-whitening.onnx'), { ...session, dimensions })
        : undefined,
    );
  }

  async run(batch: StepBatch): Promise<StepBatchResult> {
    const { styles, batch: n } = this.variant;
    const shape = [n, styles, batch.latent.length / (n * styles)];
    const given = {
      ...(await this.featuresOf(batch.target)),
      ...weights(this.variant, batch),
    };
    let state: Record<'x' | 'm' | 'v', TensorValue> = {
      x: { data: await this.coordinates(batch.latent), shape },
      m: { data: batch.m, shape },
      v: { data: batch.v, shape },
    };
    const result: StepBatchResult = { ...batch, losses: [], preview: new Float32Array() };
    for (const [k, rates] of batch.learningRates.entries()) {
      const out = await this.step.run({
        ...given,
        ...state,
        step: perPhoto(batch.step.map((taken) => taken + k)),
        learningRate: perPhoto(rates),
      });
      state = { x: { ...out.xOut!, shape }, m: { ...out.mOut!, shape }, v: { ...out.vOut!, shape } };
      result.losses.push([...out.losses!.data]);
      [result.latent, result.preview] = [out.latentOut!.data, out.preview!.data];
      [result.m, result.v] = [out.mOut!.data, out.vOut!.data];
    }
    return result;
  }

  async release(): Promise<void> {
    await Promise.all([this.step.release(), this.whitening?.release()]);
  }

  private async featuresOf(target: Float32Array): Promise<Record<string, TensorValue>> {
    if (this.given && Buffer.compare(bytesOf(this.given.target), bytesOf(target)) === 0)
      return this.given.feeds;
    this.given = undefined;
    const session = await this.openTarget();
    try {
      const feeds = await session.run({ target: { data: target, shape: imageShape(this.variant.batch) } });
      this.given = { target, feeds };
      return feeds;
    } finally {
      await session.release();
    }
  }

  private async coordinates(latent: Float32Array): Promise<Float32Array> {
    if (!this.whitening) return latent;
    const rows = this.variant.batch * this.variant.styles;
    const { p } = await this.whitening.run({ w: { data: latent, shape: [1, rows, latent.length / rows] } });
    return p!.data;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
