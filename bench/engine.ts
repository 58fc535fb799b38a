/** What the benches know of the engine: when its calls change, this file does. */
import type { LatentSpace } from '../src/contracts.js';
import type { EngineOptions } from '../src/engine/generator.js';
import { Projector } from '../src/engine/project.js';
import type { ProjectChunkResult } from '../src/engine/protocol.js';
import { startLatent } from '../src/engine/start.js';
import { stepModel, TARGET_SIZE } from '../src/engine/step-model.js';
import type { ModelManifest } from '../src/models/manifest.js';
import { PRESETS } from '../src/models/stylegan/presets.js';
import { judgedSide } from '../src/models/stylegan/schedule.js';
import { averageStart } from '../src/models/stylegan/start.js';
import { Divergence, project } from '../src/worker/projection.js';
import { MODELS_DIR } from './workspace.js';

/** The projector as the service has it, on the CPU. */
export const openProjector = (manifest: ModelManifest, threads: number): Projector =>
  new Projector(engineOptions(manifest, threads));

const engineOptions = (manifest: ModelManifest, threads: number): EngineOptions => ({
  modelsDir: MODELS_DIR,
  manifest,
  session: { device: 'cpu', threads },
});

/** What shapes the steps of a projection beside target and latent. */
export interface RunOptions {
  space: LatentSpace;
  pixelWeight: number;
  prior: number;
  lpipsWeight: number;
}

/** The steps of the paper: Adam moves W itself, the loss is that of four VGG layers alone. */
export const PAPER_STEPS: RunOptions = { space: 'w', pixelWeight: 0, prior: 0, lpipsWeight: 0 };

/** State of a projection between chunks, as it can be stored. */
export interface RunState {
  latent: Float32Array;
  m: Float32Array;
  v: Float32Array;
  step: number;
}

export const startState = (latent: Float32Array): RunState => ({
  latent,
  m: new Float32Array(latent.length),
  v: new Float32Array(latent.length),
  step: 0,
});

/** A projection under way. */
export class Run {
  constructor(
    private readonly projector: Pick<Projector, 'run'>,
    private readonly target: Float32Array,
    private readonly options: RunOptions,
    public state: RunState,
  ) {}

  /** Takes one Adam step per rate; the losses are those before each step, judged at `judgedAt` pixels. */
  async steps(
    learningRates: number[],
    judgedAt: number = TARGET_SIZE,
  ): Promise<{ losses: number[]; seconds: number }> {
    const { target, options } = this;
    const begun = performance.now();
    const [result] = await this.projector.run([
      { ...options, ...this.state, target, judgedAt, learningRates },
    ]);
    const seconds = (performance.now() - begun) / 1000;
    const { latent, m, v, losses } = result!;
    this.state = { latent, m, v, step: this.state.step + learningRates.length };
    return { losses, seconds };
  }
}

/** ONNX file of the paper's step with all styles free, which is also the one compared with PyTorch. */
export async function stepGraphFile(manifest: ModelManifest): Promise<string> {
  const { styles } = manifest.generator;
  const variant = { space: PAPER_STEPS.space, styles, judgedAt: TARGET_SIZE, batch: 1 };
  // Emitted here, so that this takes no memory in the process under measurement.
  await stepModel(MODELS_DIR, manifest, 'target', variant);
  return stepModel(MODELS_DIR, manifest, 'step', variant);
}

/** Options of our runs: the defaults of the service, and the same for the paper's loss alone, without LPIPS and prior. */
const OUR_OPTIONS = {
  defaults: PRESETS.standard,
  alone: { ...PRESETS.standard, lpipsWeight: 0, editability: 0, earlyStop: false },
} as const;
export type OurOptions = keyof typeof OUR_OPTIONS;

/**
 * A projection by the service's own loop with one of `OUR_OPTIONS`, its number of steps apart. Waits for `onChunk`
 * after every chunk; `seconds` are those of its steps, and of the start for the first. Tells whether it came to its end: one whose loss is no number
 * ends early.
 */
export async function ourRun(
  { projector, manifest, threads }: { projector: Projector; manifest: ModelManifest; threads: number },
  target: Float32Array,
  { name, steps }: { name: OurOptions; steps: number },
  onChunk: (state: RunState, seconds: number) => Promise<void>,
): Promise<'ended' | 'diverged'> {
  const { start, styles } = OUR_OPTIONS[name];
  const started = performance.now();
  const { latent } = await startLatent(engineOptions(manifest, threads), { start, target, styles });
  const run = { state: startState(latent), seconds: 0 };
  let begun = started;
  try {
    await project(
      {
        clock: () => performance.now(),
        project: async (chunk) => {
          if (chunk.step > 0) begun = performance.now();
          const [result] = (await projector.run([chunk])) as [ProjectChunkResult];
          run.seconds = (performance.now() - begun) / 1000;
          const { latent, m, v, losses } = result;
          run.state = { latent, m, v, step: chunk.step + losses.length };
          return result;
        },
      },
      { target, latent, options: { ...OUR_OPTIONS[name], steps } },
      () => onChunk(run.state, run.seconds),
    );
    return 'ended';
  } catch (error) {
    if (error instanceof Divergence) return 'diverged';
    throw error;
  }
}

/** Takes a step of every kind that such a run takes, so that their sessions are open when the clock runs. */
export async function warmUp(
  { projector, manifest }: { projector: Projector; manifest: ModelManifest },
  target: Float32Array,
  name: OurOptions,
): Promise<void> {
  const options = OUR_OPTIONS[name];
  const { space, pixelWeight, lpipsWeight, styles, steps } = options;
  const sides = new Set([0, steps - 1].map((t) => judgedSide(t, options)));
  const latent = averageStart(manifest.averageLatent, styles);
  for (const side of sides) {
    const run = new Run(projector, target, { space, pixelWeight, lpipsWeight, prior: 0 }, startState(latent));
    await run.steps([0], side);
  }
}
