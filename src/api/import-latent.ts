/** Makes an embedding of a latent that was sent: finished at once, with a reconstruction and without a photo. */
import { createHash } from 'node:crypto';
import { Value } from 'typebox/value';
import { EmbeddingOptions, type EmbeddingRecord } from '../contracts.js';
import { AppError } from '../errors.js';
import { type GeneratorName, generatorText, readLatent } from '../latent-files/latent-file.js';
import { withPreset } from '../models/stylegan/presets.js';
import { embeddingBlob } from '../store/blob-keys.js';
import { list } from '../store/workers.js';
import type { AcceptDeps, Asked } from './accept.js';
import type { AppDeps } from './app.js';
import { discard } from './discard.js';
import { received } from './expected.js';
import { type Accepted, type Keyed, supersededRequest } from './idempotent.js';
import { expiryOf } from './retention.js';
import type { Upload } from './upload.js';

type ImportDeps = AcceptDeps & Pick<AppDeps, 'redis'>;

/**
 * Stores the latent as an embedding that has succeeded, and settles the key of the request then. Throws LATENT_INVALID,
 * LATENT_GENERATOR_MISMATCH, STORAGE_LOW, and BUSY where no worker draws it in time. On any error nothing stays stored.
 */
export async function importLatent(
  deps: ImportDeps,
  { tenant }: Asked,
  file: Buffer,
  { tags, generator: said, retention }: Upload,
  keyed: Keyed,
): Promise<Accepted> {
  await deps.disk.check();
  const { values, generator: told } = readLatent(file);
  const generator = await generatorOf(deps, said, told);
  const bytes = new Uint8Array(values.buffer);
  const id = deps.newId();
  const latent = embeddingBlob(id, 'latent.f32');
  const reconstruction = embeddingBlob(id, 'reconstruction.png');
  let isLeft = false;
  try {
    await deps.blobs.put(latent, bytes);
    await deps.queues.render({ kind: 'reconstruct', latent, image: reconstruction }, deps.patience.renderMs);
    const moment = deps.now();
    const now = moment.toISOString();
    const expiresAt = expiryOf(moment, retention ?? deps.config.retentionSeconds);
    const record: EmbeddingRecord & { state: 'succeeded' } = {
      id,
      tenant,
      ...tags,
      state: 'succeeded',
      createdAt: now,
      finishedAt: now,
      ...(expiresAt && { expiresAt }),
      imported: true,
      options: Value.Parse(EmbeddingOptions, withPreset({})),
      attempt: 0,
      generator,
      latentHash: createHash('sha256').update(bytes).digest('hex'),
      blobs: { latent, reconstruction },
    };
    const made = { accepted: [{ index: 0, record }], refused: [] };
    await keyed.plan(made);
    isLeft = keyed.leave();
    const created = await deps.records.createFinished(record, keyed.fence);
    if (created === 'superseded') {
      isLeft = false;
      throw supersededRequest();
    }
    if (created !== 'created') throw new Error(`The id ${id} is taken`);
    await keyed.settle(made);
    return made;
  } catch (error) {
    if (!isLeft) await discard(deps, tenant, id).catch(() => undefined);
    throw error;
  }
}

/**
 * The generator that the live workers run, if it is the one that form and file name by its hash. Its name is theirs: a
 * client may have another for it.
 */
async function generatorOf(
  { redis, config }: ImportDeps,
  said: string | undefined,
  told: string | undefined,
): Promise<GeneratorName> {
  const workers = await list(redis, config.keyPrefix);
  const ours = workers.flatMap(({ roles, generator }) => (roles.includes('render') ? (generator ?? []) : []));
  const [known] = ours;
  if (!known)
    throw new AppError('BUSY', {
      detail: 'No worker is there to tell which generator is served; try again.',
    });
  const mismatch = (detail: string): AppError =>
    new AppError('LATENT_GENERATOR_MISMATCH', { detail, extra: { generator: known } });
  const named = [said, told].filter((text) => text !== undefined);
  if (named.length === 0)
    throw mismatch(
      `Nothing says which generator the latent belongs to; expected the field \`generator\`: ${generatorText(known)}, if it is that one.`,
    );
  const hashes = named.map((text) => text.slice(text.lastIndexOf(':') + 1));
  const fitting = ours.find(({ hash }) => hashes.every((one) => one === hash));
  if (fitting) return fitting;
  throw mismatch(
    `The latent belongs to ${named.map((text) => received(text)).join(' and ')}; expected ${generatorText(known)}, the generator of this service.`,
  );
}
