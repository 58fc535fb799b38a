/** Morphs of files, with an engine of this process and nothing else. */
import { MORPH_MODES, STYLE_DIM, STYLES } from '../../contracts.js';
import type { EngineCalls } from '../../engine/protocol.js';
import { readLatent } from '../../latent-files/latent-file.js';
import { morph } from '../../models/morph.js';
import { EngineClient } from '../../worker/engine-client.js';
import { Misused, numberOption } from '../commands/command.js';
import { isLatentFile, readSource } from '../commands/sources.js';
import { embedFile } from './embed.js';

const CROSSOVER = {
  style: { default: 8, most: STYLES - 1 },
  attribute: { default: 256, most: STYLE_DIM - 1 },
};
type Query = Readonly<Record<string, string>>;

/** The image between two latents, each read from its file or embedded from a photo. Throws `Misused`, LATENT_INVALID, and what photos are refused with. */
export async function morphOffline([a, b]: readonly [string, string], query: Query): Promise<Uint8Array> {
  const how = morphOf(query);
  const size = numberOption('size', query.size, { least: 64, most: 1024, isInteger: true }) ?? 1024;
  const quality = numberOption('quality', query.quality, { least: 1, most: 100, isInteger: true });
  const format = query.format as EngineCalls['render']['in']['format'];
  const [first, second] = [await latentOf(a), await latentOf(b)];
  const latent = morph(first, second, { layers: STYLES, dim: STYLE_DIM }, how);
  const engine = new EngineClient();
  try {
    await engine.call('warm', { role: 'render' });
    const { image } = await engine.call('render', {
      latent,
      size,
      format,
      ...(quality !== undefined && { quality }),
    });
    return image;
  } finally {
    await engine.close();
  }
}

function morphOf({ lambda, mode = 'linear', crossover, parts, placement, into }: Query) {
  const known = MORPH_MODES.find((one) => one === mode);
  if (!known || parts !== undefined || into !== undefined || (placement ?? 'aligned') !== 'aligned')
    throw new Misused(
      `Without a service there are the modes ${MORPH_MODES.join(', ')}, aligned; for more use --local.`,
    );
  const range = known === 'style' || known === 'attribute' ? CROSSOVER[known] : undefined;
  if (!range && crossover !== undefined) throw new Misused(`The mode ${known} has no crossover.`);
  return {
    mode: known,
    lambda: numberOption('lambda', lambda, { least: 0, most: 1 }) ?? 0.7,
    crossover: range
      ? (numberOption('crossover', crossover, { least: 1, most: range.most, isInteger: true }) ??
        range.default)
      : 0,
  };
}

/** W+ [16,512]. */
async function latentOf(path: string): Promise<Float32Array> {
  if (isLatentFile(path)) return readLatent(await readSource(path)).values;
  const { latent } = await embedFile(path, new Map());
  return latent;
}
