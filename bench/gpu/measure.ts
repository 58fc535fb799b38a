/** Everything that `npm run bench:gpu` measures, in the order in which it is reported. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DEFAULT_STEPS, STYLE_DIM, STYLES } from '../../src/contracts.js';
import { type EngineOptions, Generator } from '../../src/engine/generator.js';
import { Renderer } from '../../src/engine/render.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { PRESETS } from '../../src/models/stylegan/presets.js';
import { judgedSide } from '../../src/models/stylegan/schedule.js';
import { median } from '../statistics.js';
import { say } from '../workspace.js';
import { openSides, PRECISIONS, type Precision, paperProject, project, release, stepMs } from './steps.js';

/** Numbers of steps that are tried for a loss, the fewest first. */
const TRIED = [20, 30, 40, 50, 60, 80, 100, 125, 150, 175, 200, 250, 300, 400];

export interface Plan {
  batches: readonly number[];
  /** Turns of a time and steps in each. */
  rounds: number;
  chunk: number;
  paperSteps: number;
  /** Loss to reach instead of the paper's. */
  loss: number | undefined;
  precisions: readonly Precision[];
}

export interface StepTime {
  batch: number;
  side: number;
  precision: Precision;
  ms: number;
}

export interface Reached {
  batch: number;
  precision: Precision;
  /** The fewest of the tried steps with which the losses are at or below the level on average; the last tried if none. */
  steps: number;
  reached: boolean;
  seconds: number;
  facesPerSecond: number;
  losses: number[];
  levels: number[];
}

export interface Morph {
  /** From a latent to the pixels in the host's memory. */
  renderMs: number;
  /** The same, then to JPEG. */
  jpegMs: number;
}

/** Sides at which the steps of a default projection are judged. */
const SIDES = [...new Set([DEFAULT_STEPS - 1, 0].map((t) => judgedSide(t, PRESETS.standard)))];

export interface Projections {
  times: StepTime[];
  reached: Reached[];
  /** Seconds of the paper's run by the size of its batch. */
  paperSeconds: Record<number, number>;
}

/** Step times and projections for every batch and precision. */
export async function measureProjections(
  options: EngineOptions,
  targets: readonly Float32Array[],
  plan: Plan,
): Promise<Projections> {
  const measured: Projections = { times: [], reached: [], paperSeconds: {} };
  for (const batch of plan.batches) {
    const some = targets.slice(0, batch);
    const levels = await levelsOf(options, some, plan, measured);
    for (const precision of plan.precisions) {
      say(`Batch ${batch}, ${precision} precision ...`);
      const sides = await openSides(options, { space: 'pn', precision, sides: SIDES }, some);
      for (const [side, stepper] of sides) {
        measured.times.push({ batch, side, precision, ms: await stepMs(options, stepper, some, plan) });
      }
      const reach = async (steps: number): Promise<Reached> => {
        const { seconds, losses } = await project(options, sides, some, steps);
        const reached = mean(losses.map((loss, i) => loss / levels[i]!)) <= 1;
        return { batch, precision, steps, reached, seconds, facesPerSecond: batch / seconds, losses, levels };
      };
      measured.reached.push(await fewest(reach));
      await release(sides);
    }
  }
  return measured;
}

/** Losses to reach: given, or where the paper's protocol ends, photo by photo. */
async function levelsOf(
  options: EngineOptions,
  targets: readonly Float32Array[],
  { loss, paperSteps }: Plan,
  measured: Projections,
): Promise<number[]> {
  if (loss !== undefined) return targets.map(() => loss);
  say(`The paper's ${paperSteps} steps, batch ${targets.length} ...`);
  const sides = await openSides(options, { space: 'w', precision: 'single', sides: [TARGET_SIZE] }, targets);
  const { losses, seconds } = await paperProject(options, sides, targets, paperSteps);
  await release(sides);
  measured.paperSeconds[targets.length] = seconds;
  return losses;
}

async function fewest(reach: (steps: number) => Promise<Reached>): Promise<Reached> {
  let last: Reached | undefined;
  for (const steps of TRIED) {
    last = await reach(steps);
    say(
      `  ${steps} steps: ${last.seconds.toFixed(2)} s, loss ${mean(last.losses).toFixed(0)}, wanted ${mean(last.levels).toFixed(0)}`,
    );
    if (last.reached) break;
  }
  return last!;
}

/** Loss of half precision over that of single, less 1, after the same number of steps. */
export async function lossDifference(
  options: EngineOptions,
  targets: readonly Float32Array[],
  steps: number,
): Promise<number> {
  const means: number[] = [];
  for (const precision of PRECISIONS) {
    const sides = await openSides(options, { space: 'pn', precision, sides: SIDES }, targets);
    means.push(mean((await project(options, sides, targets, steps)).losses));
    await release(sides);
  }
  return means[1]! / means[0]! - 1;
}

/** A morph of two latents at full size, the generator being warm. */
export async function measureMorph(options: EngineOptions, rounds: number): Promise<Morph> {
  const { averageLatent } = options.manifest;
  const a = Float32Array.from({ length: STYLES * STYLE_DIM }, (_, i) => averageLatent[i % STYLE_DIM]!);
  const generator = await Generator.load(options);
  for (let i = 0; i < 3; i++) await generator.render(a);
  const renderMs = await medianMs(rounds, () => generator.render(a));
  const renderer = await Renderer.load(options);
  const params = { latent: a, size: generator.resolution, format: 'jpeg' } as const;
  await renderer.render(params);
  return { renderMs, jpegMs: await medianMs(rounds, () => renderer.render(params)) };
}

/**
 * Milliseconds of a step whose convolutions keep all digits of float32. The runtime offers no switch to Node, but CUDA's
 * libraries obey a variable of the process: so it is a process of its own.
 */
export function stepMsWithoutTf32(batch: number): number | undefined {
  const script = fileURLToPath(new URL('single-child.js', import.meta.url));
  const env = { ...process.env, NVIDIA_TF32_OVERRIDE: '0' };
  const { status, stdout } = spawnSync(process.execPath, [script, String(batch)], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) return undefined;
  const line: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null');
  return Value.Check(Type.Object({ ms: Type.Number() }), line) ? line.ms : undefined;
}

async function medianMs(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return median(times);
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
