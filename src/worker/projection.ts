/** The steps of one photo: chunk after chunk, from its start to the end of the schedule or to where they stop paying. */
import type { EmbeddingOptions } from '../contracts.js';
import type { ProjectChunk, ProjectChunkResult } from '../engine/protocol.js';
import { hasStoppedPaying } from '../models/stylegan/early-stop.js';
import { withPreset } from '../models/stylegan/presets.js';
import { priorWeight } from '../models/stylegan/prior.js';
import { chunkAt, learningRate } from '../models/stylegan/schedule.js';

/** Adam steps per engine call: the first call is short, so that a preview and a time estimate come early. */
const CHUNKS = { first: 5, rest: 10 };

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
}

/** What is known after a chunk. */
export interface Advance {
  /** Loss before each step so far. */
  losses: readonly number[];
  /** Steps in all: fewer than asked for from the chunk on that is the last, since the loss has stopped paying. */
  steps: number;
  /** JPEG. */
  preview: Uint8Array;
  /** Of the latest chunk, with the time that it waited for the engine. */
  msPerStep: number;
}

/** A latent on the way, and the loss that was measured at it, before step `step`. */
export interface LastGood {
  latent: Float32Array;
  step: number;
  loss: number;
}

/** The loss or the latent is no longer a finite number. */
export class Divergence extends Error {
  constructor(
    /** First step without a finite loss. */
    readonly step: number,
    /** Those of the steps before it. */
    readonly losses: readonly number[],
    /** None when the start itself has no finite loss. */
    readonly lastGood: LastGood | undefined,
  ) {
    super(`The projection diverged at step ${step}`);
  }
}

/** Returns the last latent and the steps taken to it. Rejects with a `Divergence`, and with whatever `project` and `onAdvance` reject with. */
export async function project(
  deps: ProjectionDeps,
  { target, latent, options }: Photo,
  onAdvance: (advance: Advance) => Promise<void>,
): Promise<{ latent: Float32Array; steps: number }> {
  const settings = withPreset(options);
  const { space, pixelWeight, learningRate: peak, schedule, earlyStop } = settings;
  // In W the penalty of the step graph would pull towards the origin of W, which is no mean of anything.
  const prior = space === 'pn' ? priorWeight(settings.editability) : 0;
  const zeros = () => new Float32Array(latent.length);
  const losses: number[] = [];
  let state: Pick<ProjectChunk, 'latent' | 'm' | 'v'> = { latent, m: zeros(), v: zeros() };
  let lastGood: LastGood | undefined;
  let { steps } = options;
  while (losses.length < steps) {
    const started = deps.clock();
    const step = losses.length;
    const { size, judgedAt } = chunkAt(step, settings, CHUNKS);
    const learningRates = Array.from({ length: size }, (_, i) =>
      learningRate(step + i, { steps: options.steps, peak, schedule }),
    );
    const fixed = { space, judgedAt, target, pixelWeight, prior };
    const result = await deps.project({ ...fixed, ...state, step, learningRates });
    const taken = result.losses.length;
    if (taken === 0) throw new Error('Expected at least one step of the engine but received none');

    const bad = firstBad(result);
    losses.push(...result.losses.slice(0, bad).map(rounded));
    if (bad > 0) lastGood = { latent: state.latent, step, loss: losses[step]! };
    if (bad <= taken) throw new Divergence(step + bad, losses, lastGood);
    state = { latent: result.latent, m: result.m, v: result.v };
    if (earlyStop && hasStoppedPaying(losses, settings)) steps = losses.length;
    await onAdvance({
      losses,
      steps,
      preview: result.preview,
      msPerStep: (deps.clock() - started) / taken,
    });
  }
  return { latent: state.latent, steps };
}

/** Index of the first loss that is not finite; the number of losses where only the latent is not; else one more. */
function firstBad({ losses, latent }: ProjectChunkResult): number {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad >= 0) return bad;
  return latent.every(Number.isFinite) ? losses.length + 1 : losses.length;
}

/** Seven significant digits are all that a float32 holds; records stay small. */
const rounded = (loss: number): number => Number(loss.toPrecision(7));
