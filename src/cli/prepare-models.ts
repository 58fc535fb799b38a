/** Makes sure that the models are there before anything that needs them starts, and says what takes time. */
import { ensureModels, type ModelProgress } from '../models/convert/models.js';
import type { ModelManifest } from '../models/manifest.js';

/** Quiet when the models are complete. Throws an error that names what is missing and how to supply it by hand. */
export function prepareModels(modelsDir: string, say: (line: string) => void): Promise<ModelManifest> {
  return ensureModels(modelsDir, (progress) => {
    const line = describe(progress);
    if (line) say(line);
  });
}

function describe(progress: ModelProgress): string | undefined {
  switch (progress.stage) {
    case 'fetch':
      return `Fetching ${progress.pkg.name} ${progress.pkg.version} (${progress.pkg.licence}) ...`;
    case 'convert':
      return `Converting ${progress.file} ...`;
    case 'sample':
      return `Sampling ${progress.count} latents for their mean ...`;
    case 'broken':
      return `${progress.file} is missing or broken and is made again.`;
    case 'verified':
      return undefined;
  }
}
