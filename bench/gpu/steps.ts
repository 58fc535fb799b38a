/** Adam steps on a device: their time, and projections made of them. */
import { STYLE_DIM, STYLES } from '../../src/contracts.js';
import type { EngineOptions } from '../../src/engine/generator.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { openStepper, type StepBatch, type Stepper } from '../../src/engine/stepper.js';
import { encodeTensor } from '../../src/images.js';
import { PRESETS } from '../../src/models/stylegan/presets.js';
import { chunkAt, learningRate } from '../../src/models/stylegan/schedule.js';
import { averageStart } from '../../src/models/stylegan/start.js';
import { median } from '../statistics.js';

/** `single` is what the device makes of float32: convolutions in TF32 on NVIDIA GPUs since 2020. */
export const PRECISIONS = ['single', 'half'] as const;
export type Precision = (typeof PRECISIONS)[number];

type Space = 'pn' | 'w';
export type Sides = ReadonlyMap<number, Stepper>;

const DEFAULTS = PRESETS.standard;
/** Sizes of the chunks in which the service takes its steps. */
const CHUNKS = { first: 5, rest: 10 };
/** The paper's learning rate, and steps of it in one call. */
const PAPER = { rate: 0.01, chunk: 50 };

/** Opens the steps at these sides for a batch and takes two of each, so that all is allocated and chosen. */
export async function openSides(
  options: EngineOptions,
  { space, precision, sides }: { space: Space; precision: Precision; sides: readonly number[] },
  targets: readonly Float32Array[],
): Promise<Sides> {
  const opened = new Map<number, Stepper>();
  for (const judgedAt of sides) {
    const stepper = await openStepper(options, {
      space,
      styles: STYLES,
      judgedAt,
      batch: targets.length,
      ...(precision === 'half' && { half: true }),
    });
    opened.set(judgedAt, stepper);
    for (let i = 0; i < 2; i++) await stepper.run(batchOf(options, targets, [0, 0]));
  }
  return opened;
}

export async function release(sides: Sides): Promise<void> {
  for (const stepper of sides.values()) await stepper.release();
}

/** Median milliseconds of one step of the whole batch, over `rounds` calls of `chunk` steps. */
export async function stepMs(
  options: EngineOptions,
  stepper: Stepper,
  targets: readonly Float32Array[],
  { rounds, chunk }: { rounds: number; chunk: number },
): Promise<number> {
  const batch = batchOf(options, targets, new Array<number>(chunk).fill(0.01));
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await stepper.run(batch);
    times.push((performance.now() - begun) / chunk);
  }
  return median(times);
}

export interface Projection {
  /** Of the steps and the previews, which the service makes after every chunk. */
  seconds: number;
  /** Loss of each photo at its final latent. */
  losses: number[];
}

/** Projections of a batch with the defaults of the service, but for the number of steps. */
export async function project(
  options: EngineOptions,
  sides: Sides,
  targets: readonly Float32Array[],
  steps: number,
): Promise<Projection> {
  const { learningRate: peak } = DEFAULTS;
  let batch = batchOf(options, targets, []);
  const begun = performance.now();
  for (let step = 0; step < steps; ) {
    const { size, judgedAt } = chunkAt(step, { ...DEFAULTS, steps }, CHUNKS);
    const rates = Array.from({ length: size }, (_, i) => learningRate(step + i, { steps, peak }));
    const stepper = sides.get(judgedAt)!;
    const result = await stepper.run({ ...batch, learningRates: rows(rates, targets.length) });
    await encodePreviews(result.preview, targets.length);
    const { latent, m, v } = result;
    step += size;
    batch = { ...batch, latent, m, v, step: batch.step.map(() => step) };
  }
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, losses: await lossesAt(batch, sides) };
}

/** The paper's protocol: Adam in W itself, at a constant rate, from the average latent. */
export async function paperProject(
  options: EngineOptions,
  sides: Sides,
  targets: readonly Float32Array[],
  steps: number,
): Promise<Projection> {
  let batch = batchOf(options, targets, []);
  const begun = performance.now();
  for (let done = 0; done < steps; done += PAPER.chunk) {
    const rates = new Array<number>(Math.min(PAPER.chunk, steps - done)).fill(PAPER.rate);
    const { latent, m, v } = await sides
      .get(TARGET_SIZE)!
      .run({ ...batch, learningRates: rows(rates, targets.length) });
    batch = { ...batch, latent, m, v, step: batch.step.map((taken) => taken + rates.length) };
  }
  return { seconds: (performance.now() - begun) / 1000, losses: await lossesAt(batch, sides) };
}

/** A step of rate 0 tells the loss at the latent itself. */
async function lossesAt(batch: StepBatch, sides: Sides): Promise<number[]> {
  const still = { ...batch, learningRates: rows([0], batch.step.length) };
  const { losses } = await sides.get(TARGET_SIZE)!.run(still);
  return losses[0]!;
}

const rows = (rates: readonly number[], n: number): number[][] =>
  rates.map((rate) => new Array<number>(n).fill(rate));

/** A batch that starts from the average latent. */
function batchOf(
  { manifest }: EngineOptions,
  targets: readonly Float32Array[],
  rates: readonly number[],
): StepBatch {
  const n = targets.length;
  const start = averageStart(manifest.averageLatent, STYLES);
  const size = n * STYLES * STYLE_DIM;
  const zeros = new Array<number>(n).fill(0);
  return {
    target: Float32Array.from(targets.flatMap((target) => [...target])),
    latent: Float32Array.from({ length: size }, (_, i) => start[i % start.length]!),
    m: new Float32Array(size),
    v: new Float32Array(size),
    step: zeros,
    learningRates: rows(rates, n),
    pixelWeight: zeros,
    prior: zeros,
    lpipsWeight: zeros,
  };
}

async function encodePreviews(previews: Float32Array, n: number): Promise<void> {
  const size = previews.length / n;
  await Promise.all(
    Array.from({ length: n }, (_, i) =>
      encodeTensor(previews.slice(i * size, (i + 1) * size), TARGET_SIZE, TARGET_SIZE, { format: 'jpeg' }),
    ),
  );
}
