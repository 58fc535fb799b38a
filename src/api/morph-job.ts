/** What a request for a morph asks for, as a job with its key: a mix of latents, or parts of one face in another. */
import { type MorphMode, REGION_PARTS, type RegionPart } from '../contracts.js';
import { AppError } from '../errors.js';
import type { RenderJob } from '../jobs.js';
import { type RenderInputs, regionKey, renderKey } from '../store/render-key.js';
import type { AppDeps } from './app.js';
import { received } from './expected.js';
import { crossoverOf, type Source } from './morph-pair.js';
import type { MorphQuery } from './morph-schemas.js';

export type MorphPath =
  | { kind: 'morph'; mode: MorphMode; crossover: number }
  | { kind: 'region'; parts: RegionPart[] };

/** Mode of a query with what belongs to it: each part once, in one order. Throws BAD_REQUEST. */
export function pathOf({
  mode,
  crossover,
  parts,
}: Pick<MorphQuery, 'mode' | 'crossover' | 'parts'>): MorphPath {
  // Refuses one that the mode does not have.
  const own = crossoverOf({ mode, ...(crossover !== undefined && { crossover }) });
  if (mode === 'region') return { kind: 'region', parts: partsOf(parts) };
  if (parts === undefined) return { kind: 'morph', mode, crossover: own };
  throw new AppError('BAD_REQUEST', {
    detail: `Received \`parts\` ${received(parts)} with mode ${mode}, which has none; expected mode region, or no \`parts\`.`,
  });
}

function partsOf(text = ''): RegionPart[] {
  const named = text.split(',');
  const unknown = named.find((name) => !REGION_PARTS.some((part) => part === name));
  if (unknown === undefined) return REGION_PARTS.filter((part) => named.includes(part));
  throw new AppError('BAD_REQUEST', {
    detail: `Expected one or more of ${REGION_PARTS.join(', ')}, separated by commas, for \`parts\` with mode region but received ${received(unknown)}.`,
  });
}

/** Throws GENERATOR_MISMATCH when the region map was measured on another generator than that of the latents. */
export function morphJob(
  { regions }: Pick<AppDeps, 'regions'>,
  path: MorphPath,
  { first, second, generator }: { first: Source; second: Source; generator: string },
  shown: Pick<RenderInputs, 'lambda' | 'size' | 'format' | 'quality'>,
): RenderJob & { kind: 'morph' | 'region' } {
  const hashes = { a: first.latentHash, b: second.latentHash, generator };
  const latents = { a: first.latent, b: second.latent };
  if (path.kind === 'morph')
    return { ...path, key: renderKey({ ...hashes, ...path, ...shown }), ...latents, ...shown };
  if (regions.generator !== generator) {
    throw new AppError('GENERATOR_MISMATCH', {
      detail:
        'The parts of a face were measured on another generator than that of the embeddings; use another mode, or measure them on this one with `npm run fit:regions`.',
      extra: { regions: regions.generator, a: generator },
    });
  }
  const map = regions.sha256;
  return { ...path, map, key: regionKey({ ...hashes, ...path, map, ...shown }), ...latents, ...shown };
}
