/** Whether photos are projected faster in a batch: measured once for each machine, kept beside the step graphs. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { STYLES } from '../contracts.js';
import { DEFAULT_PRESET, PRESETS } from '../models/stylegan/presets.js';
import { averageStart } from '../models/stylegan/start.js';
import type { EngineOptions } from './generator.js';
import type { BatchSpeed } from './protocol.js';
import { type StepVariant, stepModelPath, TARGET_SIZE } from './step-model.js';
import { openStepper, type StepBatch, type Stepper } from './stepper.js';

const Speed = Type.Object({ alone: Type.Number(), together: Type.Number() });

/** Memory of one photo's steps at both judged sides: 1.25 GB at 256 px, less at 128 px. */
const BYTES_PER_PHOTO = 2.5e9;
/** Timed steps of each size. They take turns and the fastest counts: other processes only ever make a step slower. */
const ROUNDS = 3;

export interface BatchSpeedDeps extends EngineOptions {
  /** Bytes that this process can still take. */
  availableMemory: () => number;
  /** Milliseconds. */
  clock: () => number;
  open?: (variant: StepVariant) => Promise<Stepper>;
}

/** The steps that most photos take longest: those of the defaults, judged at full side. */
const variantOf = (batch: number): StepVariant => ({
  space: 'pn',
  styles: STYLES,
  judgedAt: TARGET_SIZE,
  batch,
  lpips: PRESETS[DEFAULT_PRESET].lpipsWeight > 0,
});

/**
 * Milliseconds of a CPU step for each photo, alone and in a batch of `batch`: from an earlier measurement on the same kind
 * of processor with as many threads and the same graphs, or else, unless `known` is set, measured now. Undefined when
 * there is none, and for a batch that does not fit into memory.
 */
export async function batchSpeed(
  deps: BatchSpeedDeps,
  { batch, known }: { batch: number; known: boolean },
): Promise<BatchSpeed | undefined> {
  if (batch * BYTES_PER_PHOTO > deps.availableMemory()) return undefined;
  const path = pathOf(deps, batch);
  const kept = await readFile(path, 'utf8').then(parse, () => undefined);
  if (kept || known) return kept;
  const speed = await measure(deps, batch);
  const partial = `${path}.${process.pid}.partial`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(partial, JSON.stringify(speed));
  await rename(partial, path);
  return speed;
}

function pathOf({ modelsDir, manifest, session }: EngineOptions, batch: number): string {
  const graphs = [1, batch].map((n) => stepModelPath(modelsDir, manifest, 'step', variantOf(n)));
  const key = createHash('sha256')
    .update(
      JSON.stringify([graphs.map((path) => path.slice(modelsDir.length)), cpus()[0]?.model, session.threads]),
    )
    .digest('hex')
    .slice(0, 16);
  return join(modelsDir, 'steps', `speed-${key}.json`);
}

function parse(text: string): BatchSpeed | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Speed, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function measure(deps: BatchSpeedDeps, batch: number): Promise<BatchSpeed> {
  const onCpu = { ...deps, session: { ...deps.session, device: 'cpu' as const } };
  const open = deps.open ?? ((variant: StepVariant) => openStepper(onCpu, variant));
  const opened: Stepper[] = [];
  const fastest = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  try {
    for (const n of [1, batch]) {
      const stepper = await open(variantOf(n));
      opened.push(stepper);
      // The first step allocates, and computes the features of the photo.
      await stepper.run(stillBatch(deps, n));
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, n] of [1, batch].entries()) {
        const begun = deps.clock();
        await opened[i]!.run(stillBatch(deps, n));
        fastest[i] = Math.min(fastest[i]!, (deps.clock() - begun) / n);
      }
    }
  } finally {
    for (const stepper of opened) await stepper.release();
  }
  const [alone, together] = fastest.map((ms) => Math.round(ms * 10) / 10) as [number, number];
  return { alone, together };
}

/** One step of rate 0 at the average latent, on grey photos. */
function stillBatch({ manifest }: EngineOptions, batch: number): StepBatch {
  const one = averageStart(manifest.averageLatent, STYLES);
  const each = (value: number): number[] => Array.from({ length: batch }, () => value);
  const latent = new Float32Array(batch * one.length);
  for (let i = 0; i < batch; i++) latent.set(one, i * one.length);
  return {
    target: new Float32Array(batch * 3 * TARGET_SIZE * TARGET_SIZE),
    latent,
    m: new Float32Array(latent.length),
    v: new Float32Array(latent.length),
    step: each(0),
    learningRates: [each(0)],
    pixelWeight: each(0),
    prior: each(0),
    lpipsWeight: each(0),
  };
}
