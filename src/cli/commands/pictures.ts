/** `latentmorph morph`, `animate` and `grid`: a picture of two faces, whose parameters are those of the API. */
import type { Latentmorph } from '../../../clients/typescript/dist/latentmorph.js';
import { ANIMATION_FORMATS } from '../../animation/stream.js';
import { IMAGE_FORMATS } from '../../contracts.js';
import { morphOffline } from '../offline/morph.js';
import { argumentsOf, type Command, EXIT, Misused } from './command.js';
import { formatOf, writeOutput } from './output.js';
import { say } from './say.js';
import { idsOf } from './sources.js';
import { WHERE_OPTIONS, WHERE_USAGE, withClient } from './where.js';

interface Picture {
  name: string;
  summary: string;
  /** The parameters, in words. */
  usage: string;
  parameters: readonly string[];
  formats: readonly string[];
  /** Written where nothing else is asked for. */
  out: string;
  ask(client: Latentmorph, query: { a: string; b: string }, signal: AbortSignal): Promise<Uint8Array>;
  /** Without a service. Throws `Misused` for what only a service can do. */
  offline?(sources: readonly [string, string], query: Readonly<Record<string, string>>): Promise<Uint8Array>;
}

const asked =
  (operation: 'getMorph' | 'getMorphAnimation' | 'getMorphGrid'): Picture['ask'] =>
  async (client, query, signal) =>
    (await client.request(operation, { query, signal })).data;

export const morph = pictureCommand({
  name: 'morph',
  summary: 'the image between two faces',
  usage: `  --lambda L          what A keeps, 0 to 1 (default 0.7)
  --mode MODE         linear (default), style, attribute, pn or region
  --crossover N       where style and attribute swap the weights
  --parts LIST        with region: shape,eyes,nose,mouth,expression,hair
  --placement original, --into a|b   the face drawn into the photo
  --size N, --format jpeg|png|webp|avif, --quality N
  --offline           without any service: A and B are files, mode and placement as in linear, style, attribute, pn; aligned`,
  parameters: ['lambda', 'mode', 'crossover', 'parts', 'placement', 'into', 'size', 'format', 'quality'],
  formats: IMAGE_FORMATS,
  out: 'morph.jpg',
  ask: asked('getMorph'),
  offline: morphOffline,
});

export const animate = pictureCommand({
  name: 'animate',
  summary: 'the morph of two faces as a moving picture',
  usage: `  --from L, --to L    lambda of the first and the last frame (default 1 and 0)
  --frames N, --duration SECONDS, --easing linear|ease-in-out, --pacing lambda|even, --pingpong true, --loop N
  --mode MODE, --crossover N, --parts LIST   as for morph
  --size N, --format webp|gif|mp4, --quality N`,
  parameters: [
    ...['from', 'to', 'frames', 'duration', 'easing', 'pacing', 'pingpong', 'loop'],
    ...['mode', 'crossover', 'parts', 'size', 'format', 'quality'],
  ],
  formats: ANIMATION_FORMATS,
  out: 'morph.webp',
  ask: asked('getMorphAnimation'),
});

export const grid = pictureCommand({
  name: 'grid',
  summary: 'many morphs of two faces in one labelled picture',
  usage: `  --rows modes|crossovers, --mode style|attribute, --columns N, --cell PIXELS
  --format jpeg|png|webp|avif, --quality N`,
  parameters: ['rows', 'mode', 'columns', 'cell', 'format', 'quality'],
  formats: IMAGE_FORMATS,
  out: 'grid.jpg',
  ask: asked('getMorphGrid'),
});

function pictureCommand(picture: Picture): Command {
  const { name, summary, parameters, formats, out, ask, offline } = picture;
  const usage = `Usage: latentmorph ${name} A B [options]

Writes ${summary}. A and B are ids of embeddings, photos, or latents (.npy, .safetensors, .json);
what is given as a file is posted first, and kept for a day.
  -o, --out FILE      default ${out}; - is standard output
${picture.usage}
${WHERE_USAGE}`;
  const run = async (args: string[]): Promise<number> => {
    const texts = Object.fromEntries(parameters.map((one) => [one, { type: 'string' as const }]));
    const { values, positionals } = argumentsOf(args, {
      ...texts,
      ...WHERE_OPTIONS,
      out: { type: 'string', short: 'o', default: out },
      ...(offline && { offline: { type: 'boolean' as const, default: false } }),
    });
    const [a, b, ...others] = positionals;
    if (!a || !b || others.length > 0)
      throw new Misused(`Expected two faces but received ${positionals.length}.`);
    const given = values as Record<string, string | boolean | undefined>;
    const query = Object.fromEntries(
      parameters.flatMap((one) => (typeof given[one] === 'string' ? [[one, given[one]]] : [])),
    );
    const path = String(given.out);
    query.format ??= formatOf(path, formats) ?? formatOf(out, formats)!;
    const told = async (bytes: Uint8Array, sources: Record<string, string>): Promise<number> => {
      await writeOutput(path, bytes);
      if (path !== '-') say(`${path} (${(bytes.byteLength / 1024).toFixed(0)} KiB)`);
      if (given.json)
        console.log(JSON.stringify({ out: path, bytes: bytes.byteLength, ...sources, ...query }));
      return EXIT.ok;
    };
    if (offline && given.offline === true) return told(await offline([a, b], query), { a, b });
    const where = { url: values.url, key: values.key, local: values.local === true };
    return withClient(where, async (client, signal) => {
      const [first, second] = (await idsOf(client, [a, b], signal)) as [string, string];
      return told(await ask(client, { a: first, b: second, ...query }, signal), { a: first, b: second });
    });
  };
  return { summary, usage, run };
}
