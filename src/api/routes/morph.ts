/** `/morph`: the image between two embeddings, rendered once and then served from the blob store. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { EmbeddingRecord, RenderJob } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { renderBlob } from '../../store/blob-keys.js';
import { renderKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { received } from '../expected.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { CROSSOVER, imageAnswer, MorphQuery, problems } from '../schemas.js';

/** A record that has everything a morph needs. */
interface Source {
  generator: string;
  latentHash: string;
  latent: string;
}

export function morphRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { records, blobs, queues, patience } = deps;

  /** Renders and returns the bytes. Both embeddings are linked before, so that a deletion meanwhile finds the render. */
  async function render(job: RenderJob & { kind: 'morph' }, ids: readonly string[]): Promise<Buffer> {
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

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/morph',
      schema: {
        tags: ['morph'],
        operationId: 'getMorph',
        summary: 'The morph of two embeddings',
        description:
          'Rendered on first demand and then served at once. The ETag is strong and depends on the latents, the generator and every parameter.',
        querystring: MorphQuery,
        response: {
          200: imageAnswer('The image.', ['image/jpeg', 'image/png', 'image/webp']),
          304: { description: 'The client has this image already.', type: 'null' },
          ...problems(
            'BAD_REQUEST',
            'EMBEDDING_NOT_FOUND',
            'EMBEDDING_NOT_READY',
            'GENERATOR_MISMATCH',
            'ENGINE_FAILED',
            'BUSY',
            'UNAVAILABLE',
          ),
        },
      },
      handler: async (request, reply) => {
        const { a, b, lambda, mode, size, format } = request.query;
        const crossover = crossoverOf(request.query);
        const found = await records.getMany([a, b]);
        const [first, second] = [source('a', a, found[0]), source('b', b, found[1])];
        if (first.generator !== second.generator) {
          throw new AppError('GENERATOR_MISMATCH', {
            detail: 'The two embeddings were made with different generators; embed one of the photos again.',
            extra: { a: first.generator, b: second.generator },
          });
        }
        const { generator } = first;
        const key = renderKey({
          a: first.latentHash,
          b: second.latentHash,
          generator,
          lambda,
          mode,
          crossover,
          size,
          format,
        });
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        const job = {
          kind: 'morph' as const,
          key,
          a: first.latent,
          b: second.latent,
          mode,
          lambda,
          crossover,
          size,
          format,
        };
        return sendImage(reply, (await blobs.get(renderBlob(key))) ?? (await render(job, [a, b])));
      },
    });
  };
}

/** The crossover of a query within the range of its mode; 0 for `linear`, which has none. Throws BAD_REQUEST. */
function crossoverOf({ mode, crossover }: MorphQuery): number {
  if (mode === 'linear') {
    if (crossover === undefined) return 0;
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`crossover\` ${received(crossover)} with mode linear, which has none; expected mode style or attribute, or no \`crossover\`.`,
    });
  }
  const range = CROSSOVER[mode];
  if (crossover === undefined) return range.default;
  if (crossover <= range.max) return crossover;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected an integer from 1 to ${range.max} for \`crossover\` with mode ${mode} but received ${received(crossover)}.`,
  });
}

function source(parameter: 'a' | 'b', id: string, record: EmbeddingRecord | undefined): Source {
  if (!record) {
    throw new AppError('EMBEDDING_NOT_FOUND', {
      detail: `The embedding given as \`${parameter}\` was never created, or it was deleted.`,
      extra: { parameter },
    });
  }
  const { state, generator, latentHash, blobs } = record;
  if (state !== 'succeeded' || !generator || !latentHash || !blobs.latent) {
    throw new AppError('EMBEDDING_NOT_READY', {
      detail: `The embedding given as \`${parameter}\` is ${state}; only one that succeeded can be morphed.`,
      extra: { parameter, embedding: id, state },
    });
  }
  return { generator: generator.hash, latentHash, latent: blobs.latent };
}
