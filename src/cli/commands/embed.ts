/** `latentmorph embed`: photos into latents. */
import { basename, extname, join } from 'node:path';
import { type Latentmorph, LatentmorphError } from '../../../clients/typescript/dist/latentmorph.js';
import { UPLOAD_FIELD_NAMES } from '../../api/upload-fields.js';
import { DEFAULT_STEPS } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { writeLatent } from '../../latent-files/latent-file.js';
import { embedFile } from '../offline/embed.js';
import { progressView } from '../progress.js';
import { argumentsOf, type Command, EXIT, Misused } from './command.js';
import { writeOutput } from './output.js';
import { say } from './say.js';
import { readSource } from './sources.js';
import { isUnreachable, WHERE_OPTIONS, WHERE_USAGE, withClient } from './where.js';

/** Fields that say nothing about one photo. */
const NOT_HERE = ['partial', 'generator'];
const FIELDS = UPLOAD_FIELD_NAMES.filter((name) => !NOT_HERE.includes(name));

/** What became of one photo. */
interface Told {
  file: string;
  /** None without a service. */
  id?: string;
  /** Distance to the photo (LPIPS). */
  lpips?: number;
  seconds?: number;
  /** Where its latent was written. */
  latent?: string;
  error?: { code: string; detail: string };
}

export const embed: Command = {
  summary: 'embeds photos of faces into the latent space',
  usage: `Usage: latentmorph embed FILE… [options]

Embeds the face of each photo and waits for it.
  -o, --out DIR    writes NAME.npy, the latent, and NAME-reconstruction.png into it
  --preset P       draft, standard (default), best or paper
  --face F         largest (default), or the index of a face
  --NAME VALUE     any other field of POST /embeddings: ${FIELDS.filter((name) => !['preset', 'face'].includes(name)).join(', ')}
  --offline        without any service; writes to the current directory where no --out is given
${WHERE_USAGE}`,
  async run(args) {
    const { values, positionals: files } = argumentsOf(args, {
      ...Object.fromEntries(FIELDS.map((name) => [name, { type: 'string' as const }])),
      ...WHERE_OPTIONS,
      out: { type: 'string', short: 'o' },
      offline: { type: 'boolean', default: false },
    });
    if (files.length === 0) throw new Misused('Expected at least one photo.');
    await Promise.all(files.map(readSource));
    const given = values as Record<string, string | boolean | undefined>;
    if (given.face === 'all')
      throw new Misused('Expected --face largest or an index: one face of each photo.');
    const fields = new Map(
      FIELDS.flatMap((name) => (typeof given[name] === 'string' ? [[name, given[name]]] : [])),
    );
    const ended = (told: readonly Told[]): number => finish(told, values.json === true);
    if (values.offline === true) return ended(await embedOffline(files, fields, values.out ?? '.'));
    const where = { url: values.url, key: values.key, local: values.local === true };
    return withClient(where, async (client, signal) =>
      ended(await embedThere(client, files, fields, values.out, signal)),
    );
  },
};

async function embedThere(
  client: Latentmorph,
  files: readonly string[],
  fields: ReadonlyMap<string, string>,
  out: string | undefined,
  signal: AbortSignal,
): Promise<Told[]> {
  const labels = files.map((file) => basename(file));
  const view = progressView(labels, DEFAULT_STEPS, process.stderr);
  const one = async (file: string): Promise<Told> => {
    const label = basename(file);
    try {
      const { id, quality, seconds } = await client.embedAndWait(
        await readSource(file),
        Object.fromEntries(fields),
        {
          signal,
          onProgress: (progress) => view.update(label, progress),
        },
      );
      view.done(label, `${id}${quality ? `, LPIPS ${quality.lpips.toFixed(3)}` : ''}`);
      const latent =
        out === undefined ? undefined : await download(client, id, join(out, stem(file)), signal);
      return { file, id, lpips: quality?.lpips, seconds, latent };
    } catch (error) {
      // The service is away for all of them.
      if (!(error instanceof LatentmorphError) || isUnreachable(error)) throw error;
      view.done(label, error.code);
      return { file, error: { code: error.code, detail: error.detail ?? error.message } };
    }
  };
  try {
    return await Promise.all(files.map(one));
  } finally {
    view.close();
  }
}

async function download(client: Latentmorph, id: string, path: string, signal: AbortSignal): Promise<string> {
  const latent = await client.request('getEmbeddingLatent', {
    path: { id },
    query: { format: 'npy' },
    signal,
  });
  await writeOutput(`${path}.npy`, latent.data as Uint8Array);
  await writeOutput(
    `${path}-reconstruction.png`,
    await client.image(id, { kind: 'reconstruction' }, { signal }),
  );
  return `${path}.npy`;
}

async function embedOffline(
  files: readonly string[],
  fields: ReadonlyMap<string, string>,
  out: string,
): Promise<Told[]> {
  const told: Told[] = [];
  // One after the other: each takes all cores.
  for (const file of files) {
    try {
      const { latent, generator, reconstruction, quality, seconds } = await embedFile(file, fields);
      const path = join(out, stem(file));
      await writeOutput(`${path}.npy`, writeLatent('npy', { id: stem(file), generator, values: latent }));
      await writeOutput(`${path}-reconstruction.png`, reconstruction);
      told.push({ file, lpips: quality?.lpips, seconds, latent: `${path}.npy` });
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'BAD_REQUEST') throw error;
      told.push({ file, error: { code: error.code, detail: error.detail ?? error.message } });
    }
  }
  return told;
}

function finish(told: readonly Told[], json: boolean): number {
  for (const { file, error } of told) if (error) say(`${file}: ${error.code}: ${error.detail}`);
  if (json) console.log(JSON.stringify({ embeddings: told }));
  else for (const { id, latent } of told) if (id ?? latent) console.log(id ?? latent);
  return told.some(({ error }) => error) ? EXIT.failed : EXIT.ok;
}

const stem = (file: string): string => basename(file, extname(file));
