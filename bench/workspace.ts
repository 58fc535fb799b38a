/** Where the benches find the project and keep what they made. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareModels } from '../src/cli/prepare-models.js';
import type { ModelManifest } from '../src/models/manifest.js';

/** The repository: the nearest folder above with a package.json, be this file compiled or not. */
export const ROOT = nearestPackage(dirname(fileURLToPath(import.meta.url)));
/** Crops, curves, weights for PyTorch: all can be deleted and is made again. */
export const CACHE = join(ROOT, '.cache/bench');
export const MODELS_DIR = resolve(ROOT, process.env.LATENTMORPH_MODELS || '.cache/models');

/** Progress and warnings go to stderr: with --json the last line of stdout is the result. */
export const say = (line: string): void => console.error(line);

/** The converted models, made when they are missing. */
export const models = (): Promise<ModelManifest> => prepareModels(MODELS_DIR, say);

function nearestPackage(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  if (above === folder) throw new Error('The benches run inside the repository: no package.json was found');
  return nearestPackage(above);
}
