/** Photos into latents, with an engine of this process and nothing else. */
import { basename } from 'node:path';
import { parseFields } from '../../api/upload-fields.js';
import { loadConfig } from '../../config.js';
import type { Quality } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { encodeUpright, sniffPhoto } from '../../images.js';
import type { GeneratorName } from '../../latent-files/latent-file.js';
import { readSource } from '../commands/sources.js';
import { progressView } from '../progress.js';
import { EmbedAlone } from './embed-alone.js';

export interface EmbeddedFile {
  /** W+ [16,512]. */
  latent: Float32Array;
  generator: GeneratorName;
  quality: Quality | undefined;
  seconds: number;
  /** PNG 1024 px. */
  reconstruction: Uint8Array;
}

/** Embeds the face of a photo; `fields` are those of `POST /embeddings`. Throws what the service refuses photos with. */
export async function embedFile(path: string, fields: ReadonlyMap<string, string>): Promise<EmbeddedFile> {
  const { options, face } = parseFields(fields);
  if (face === 'all')
    throw new AppError('BAD_REQUEST', {
      detail: 'Without a service one face of a photo is embedded: largest, or an index.',
    });
  const photo = await readSource(path);
  await sniffPhoto(photo, { maxPixels: loadConfig().maxPixels });
  const view = progressView([basename(path)], options.steps, process.stderr);
  const alone = new EmbedAlone();
  try {
    const upright = { bytes: await encodeUpright(photo), face: face === 'largest' ? 0 : face };
    const { ended, latent, reconstruction, ...result } = await alone.embed(upright, options, (progress) =>
      view.update(basename(path), { secondsLeft: 0, ...progress }),
    );
    if (!ended || !latent || !reconstruction)
      throw new AppError('LATENT_DIVERGED', {
        detail: 'The projection diverged; try a smaller --learningRate.',
      });
    view.done(basename(path), `LPIPS ${result.quality?.lpips.toFixed(3)}, ${result.seconds.toFixed(0)} s`);
    return { ...result, reconstruction, latent: new Float32Array(Uint8Array.from(latent).buffer) };
  } finally {
    view.close();
    await alone.close();
  }
}
