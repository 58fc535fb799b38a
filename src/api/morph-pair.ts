/** What every answer about a mix of embeddings needs: all of them checked, and work that a worker does once. */
import type { MorphMode } from '../contracts.js';
import { AppError } from '../errors.js';
import type { RenderJob } from '../jobs.js';
import { renderBlob } from '../store/blob-keys.js';
import type { RecordSource } from '../store/records.js';
import { tenantHash } from '../store/render-key.js';
import type { AppDeps } from './app.js';
import { received } from './expected.js';
import { CROSSOVER } from './morph-schemas.js';

/** A record that has everything a morph needs. */
export interface Source {
  generator: string;
  /** Stands for the latent in render keys: its sha256 within its tenant, so that no cache tells what others have. */
  latentHash: string;
  latent: string;
}

/**
 * The embeddings of a mix, each under the name that the request has for it. Throws EMBEDDING_NOT_FOUND,
 * EMBEDDING_NOT_READY, and GENERATOR_MISMATCH where their latents cannot be mixed.
 */
export async function sourcesOf(
  { records }: Pick<AppDeps, 'records'>,
  tenant: string,
  named: readonly { name: string; id: string }[],
): Promise<{ sources: Source[]; generator: string }> {
  const found = await records.sources(
    tenant,
    named.map(({ id }) => id),
  );
  const sources = named.map(({ name, id }, i) => source(name, id, found[i]));
  const [{ generator }] = sources as [Source];
  const other = sources.findIndex((one) => one.generator !== generator);
  if (other > 0) {
    throw new AppError('GENERATOR_MISMATCH', {
      detail: 'The embeddings were made with different generators; embed the photos again with one of them.',
      extra: { [named[0]!.name]: generator, [named[other]!.name]: sources[other]!.generator },
    });
  }
  return { sources, generator };
}

/** The two embeddings of a morph. Throws what `sourcesOf` throws. */
export async function pairOf(deps: Pick<AppDeps, 'records'>, tenant: string, a: string, b: string) {
  const { sources, generator } = await sourcesOf(deps, tenant, [
    { name: 'a', id: a },
    { name: 'b', id: b },
  ]);
  const [first, second] = sources as [Source, Source];
  return { first, second, generator };
}

/** Bytes of a mix or measurement: kept from before, or made now. Throws STORAGE_LOW, and what `rendered` throws. */
export async function made(
  deps: Pick<AppDeps, 'records' | 'blobs' | 'disk' | 'queues' | 'patience' | 'metrics'>,
  job: KeyedJob,
  ids: readonly string[],
): Promise<Buffer> {
  const kept = await deps.blobs.get(renderBlob(job.key));
  deps.metrics.asked(kept ? 'hit' : 'miss');
  if (kept) return kept;
  await deps.disk.check();
  return rendered(deps, job, ids);
}

type KeyedJob = Extract<RenderJob, { key: string }>;

/**
 * Bytes of the blob that a worker leaves for the job. The embeddings are linked before, so that a deletion meanwhile
 * finds it. Throws EMBEDDING_NOT_FOUND when one of them was deleted, and what the job fails with.
 */
async function rendered(
  { records, blobs, queues, patience }: Pick<AppDeps, 'records' | 'blobs' | 'queues' | 'patience'>,
  job: KeyedJob,
  ids: readonly string[],
): Promise<Buffer> {
  const link = async () =>
    (await Promise.all(ids.map((id) => records.linkRender(id, job.key)))).every(Boolean);
  const blob = renderBlob(job.key);
  const bytes = (await link())
    ? await queues.render(job, patience.renderMs).then(() => blobs.get(blob))
    : undefined;
  // One was deleted while its face was rendered: the deletion may have come before the blob.
  if (!(await link())) {
    await blobs.delete(blob);
    throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was deleted a moment ago.' });
  }
  if (!bytes) throw new Error('The render left no blob');
  return bytes;
}

/** The crossover of a query within the range of its mode; 0 for a mode that has none. Throws BAD_REQUEST. */
export function crossoverOf({ mode, crossover }: { mode: MorphMode | 'region'; crossover?: number }): number {
  const range = hasCrossover(mode) ? CROSSOVER[mode] : undefined;
  if (!range) {
    if (crossover === undefined) return 0;
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`crossover\` ${received(crossover)} with mode ${mode}, which has none; expected mode style or attribute, or no \`crossover\`.`,
    });
  }
  if (crossover === undefined) return range.default;
  if (crossover <= range.max) return crossover;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected an integer from 1 to ${range.max} for \`crossover\` with mode ${mode} but received ${received(crossover)}.`,
  });
}

export const hasCrossover = (mode: MorphMode | 'region'): mode is keyof typeof CROSSOVER => mode in CROSSOVER;

function source(parameter: string, id: string, record: RecordSource | undefined): Source {
  if (!record) {
    throw new AppError('EMBEDDING_NOT_FOUND', {
      detail: `The embedding given as \`${parameter}\` was never created, or it was deleted.`,
      extra: { parameter },
    });
  }
  const { tenant, state, generator, latentHash, blobs } = record;
  if (state !== 'succeeded' || !generator || !latentHash || !blobs.latent) {
    throw new AppError('EMBEDDING_NOT_READY', {
      detail: `The embedding given as \`${parameter}\` is ${state}; only one that succeeded can be morphed.`,
      extra: { parameter, embedding: id, state },
    });
  }
  return { generator: generator.hash, latentHash: tenantHash(tenant, latentHash), latent: blobs.latent };
}
