/** What a morph is made of, as people name it: ids of embeddings, photos, files of latents. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Value } from 'typebox/value';
import type { Latentmorph } from '../../../clients/typescript/dist/latentmorph.js';
import { DEFAULT_STEPS, EmbeddingId } from '../../contracts.js';
import { progressView } from '../progress.js';
import { Misused } from './command.js';

/** What is posted for one picture only is not kept longer, where the service lets clients say so. */
const KEPT_FOR_A_DAY = 'P1D';

const LATENT_FILE = /\.(npy|safetensors|json)$/i;
export const isLatentFile = (name: string): boolean => LATENT_FILE.test(name);
const isId = (name: string): boolean => Value.Check(EmbeddingId, name);

/** Throws `Misused` for what is no file. */
export async function readSource(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Misused(`Expected a file but '${path}' cannot be read (${error.code}).`);
  });
}

/** Ids of the sources: files are posted, and photos waited for, all at the same time. Throws LatentmorphError. */
export async function idsOf(
  client: Latentmorph,
  sources: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const photos = sources.filter((source) => !isId(source) && !isLatentFile(source));
  const view =
    photos.length > 0
      ? progressView(
          photos.map((path) => basename(path)),
          DEFAULT_STEPS,
          process.stderr,
        )
      : undefined;
  const idOf = async (source: string): Promise<string> => {
    if (isId(source)) return source;
    const bytes = await readSource(source);
    const options = { retention: KEPT_FOR_A_DAY };
    if (isLatentFile(source)) {
      const { data } = await client.request('createEmbeddings', {
        body: { ...options, latent: bytes },
        signal,
      });
      if ('id' in data) return data.id;
      throw new Error('Expected one embedding of the latent but received several.');
    }
    const name = basename(source);
    const { id, quality } = await client.embedAndWait(bytes, options, {
      signal,
      onProgress: (progress) => view?.update(name, progress),
    });
    view?.done(name, `${id}${quality ? `, LPIPS ${quality.lpips.toFixed(3)}` : ''}`);
    return id;
  };
  try {
    return await Promise.all(sources.map(idOf));
  } finally {
    view?.close();
  }
}
