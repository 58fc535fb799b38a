/**
 * The steps of one photo: chunk after chunk, from its start to the end of the schedule or to where they stop paying. A
 * projection that goes wrong is taken back to where it was good, and goes on from there more gently.
 */
import type { EmbeddingOptions, Recovery } from '../contracts.js';
import type { ProjectChunk, ProjectChunkResult } from '../engine/protocol.js';
import { hasStoppedPaying } from '../models/stylegan/early-stop.js';
import { withPreset } from '../models/stylegan/presets.js';
import { priorWeight } from '../models/stylegan/prior.js';
import { chunkAt, learningRate } from '../models/stylegan/schedule.js';
import {
  type Cause,
  gentler,
  look,
  MOST_RECOVERIES,
  NOTHING_SEEN,
  type Pace,
  startsAnew,
} from './recovery.js';

/** Adam steps per engine call. The first call takes a single one: its preview is the image of the start. */
const CHUNKS = { first: 1, rest: 10 };

/** A photo to project. Shapes as in `ProjectChunk`. */
export interface Photo {
  target: Float32Array;
  /** Where the projection starts. */
  latent: Float32Array;
  options: EmbeddingOptions;
}

export interface ProjectionDeps {
  /** Takes the steps of a chunk, perhaps fewer than it asks for, and at least one. */
  project: (chunk: ProjectChunk) => Promise<ProjectChunkResult>;
  /** Milliseconds of a clock that only runs forward. */
  clock: () => number;
  onRecovery?: ((recovery: Recovery) => void) | undefined;
}

/** What is known after a chunk. */
export interface Advance {
  /** Loss before each step on the way to the latest latent. */
  losses: readonly number[];
  /** Steps in all: fewer than asked for from the chunk on that is the last, since the loss has stopped paying. */
  steps: number;
  /** JPEG. */
  preview: Uint8Array;
  /** Of the latest chunk, with the time that it waited for the engine. */
  msPerStep: number;
  /** Those so far. */
  recoveries: readonly Recovery[];
}

/** The best of the latents from which all went well, and the loss that was measured at it, before step `step`. */
export interface LastGood {
  latent: Float32Array;
  step: number;
  loss: number;
}

interface DivergenceDetails {
  step: number;
  cause: Cause;
  losses: readonly number[];
  lastGood: LastGood | undefined;
  recoveries: readonly Recovery[];
}

/** The projection went wrong once more than it may be taken back, or at its very start. */
export class Divergence extends Error {
  /** Step at which it was seen: the first without a finite loss, or the first after a chunk that went wrong. */
  readonly step: number;
  readonly reason: Cause;
  /** Those of the steps before it. */
  readonly losses: readonly number[];
  /** None when the start itself has no finite loss. */
  readonly lastGood: LastGood | undefined;
  readonly recoveries: readonly Recovery[];

  constructor({ step, cause, losses, lastGood, recoveries }: DivergenceDetails) {
    super(`The projection diverged at step ${step}: ${cause}`);
    this.step = step;
    this.reason = cause;
    this.losses = losses;
    this.lastGood = lastGood;
    this.recoveries = recoveries;
  }
}

/** Where a projection stands: the latent after `step` steps, with Adam's moments. */
interface Stand {
  readonly state: Pick<ProjectChunk, 'latent' | 'm' | 'v'>;
  readonly step: number;
}

/** Returns the last latent and the steps taken to it. Rejects with a `Divergence`, and with whatever `project` and `onAdvance` reject with. */
export async function project(
  deps: ProjectionDeps,
  { target, latent, options }: Photo,
  onAdvance: (advance: Advance) => Promise<void>,
): Promise<{ latent: Float32Array; steps: number }> {
  const settings = withPreset(options);
  const { space, pixelWeight, lpipsWeight, schedule, earlyStop } = settings;
  const hasPrior = space === 'pn';
  const zeros = () => new Float32Array(latent.length);
  const start: Stand = { state: { latent, m: zeros(), v: zeros() }, step: 0 };
  let now = start;
  /** The latest from which all went well, as far as it was seen. */
  let good: Stand | undefined;
  let lastGood: LastGood | undefined;
  const losses: number[] = [];
  const recoveries: Recovery[] = [];
  let pace: Pace = {
    rate: settings.learningRate,
    // In W the penalty of the step graph would pull towards the origin, which is no mean of anything.
    prior: hasPrior ? priorWeight(settings.editability) : 0,
  };
  let watch = NOTHING_SEEN;
  let { steps } = options;

  /** Remembers where the latest chunk began. */
  const keep = (): void => {
    const { state, step } = now;
    const loss = losses[step]!;
    good = now;
    const isBetter = !lastGood || loss < lastGood.loss || (loss === lastGood.loss && step > lastGood.step);
    if (isBetter) lastGood = { latent: state.latent, step, loss };
  };

  /** Goes back, or gives up. `step` is where it was seen. */
  const recover = (step: number, cause: Cause): void => {
    const made = recoveries.length;
    if (!good || made === MOST_RECOVERIES)
      throw new Divergence({ step, cause, losses, lastGood, recoveries });
    now = startsAnew(made) ? start : good;
    losses.length = now.step;
    steps = options.steps;
    pace = gentler(pace, { hasPrior });
    watch = NOTHING_SEEN;
    const learningRate = rounded(pace.rate);
    const recovery: Recovery = { step, cause, backTo: now.step, learningRate, prior: pace.prior };
    recoveries.push(recovery);
    deps.onRecovery?.(recovery);
  };

  while (losses.length < steps) {
    const started = deps.clock();
    const { state, step } = now;
    const { size, judgedAt } = chunkAt(step, settings, CHUNKS);
    const learningRates = Array.from({ length: size }, (_, i) =>
      learningRate(step + i, { steps: options.steps, peak: pace.rate, schedule }),
    );
    const fixed = { space, judgedAt, target, pixelWeight, lpipsWeight, prior: pace.prior };
    const result = await deps.project({ ...fixed, ...state, step, learningRates });
    const taken = result.losses.length;
    if (taken === 0) throw new Error('Expected at least one step of the engine but received none');

    const bad = firstBad(result);
    losses.push(...result.losses.slice(0, bad).map(rounded));
    if (bad > 0 && (step === 0 || bad <= taken)) keep();
    if (bad <= taken) {
      recover(step + bad, 'not-finite');
      continue;
    }
    if (earlyStop && hasStoppedPaying(losses, settings)) steps = losses.length;
    const last = losses.length >= steps;
    const seen = look(watch, { losses: losses.slice(step), contrast: result.contrast }, { last });
    if (seen.cause) {
      recover(step + taken, seen.cause);
      continue;
    }
    if (seen.good) keep();
    watch = seen.watch;
    now = { state: { latent: result.latent, m: result.m, v: result.v }, step: losses.length };
    await onAdvance({
      losses,
      steps,
      preview: result.preview,
      msPerStep: (deps.clock() - started) / taken,
      recoveries,
    });
  }
  return { latent: now.state.latent, steps };
}

/** Index of the first loss that is not finite; the number of losses where only the latent is not; else one more. */
function firstBad({ losses, latent }: ProjectChunkResult): number {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad >= 0) return bad;
  return latent.every(Number.isFinite) ? losses.length + 1 : losses.length;
}

/** Seven significant digits are all that a float32 holds; records stay small. */
const rounded = (loss: number): number => Number(loss.toPrecision(7));
