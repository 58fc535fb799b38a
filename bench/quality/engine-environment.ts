import { MODELS_DIR } from '../workspace.js';

/** What the engine process reads, set before it starts. */
export function setEngineEnvironment(threads: number): void {
  process.env.LATENTMORPH_MODELS = MODELS_DIR;
  process.env.LATENTMORPH_THREADS = String(threads);
  process.env.LATENTMORPH_DEVICE ??= 'cpu';
}
