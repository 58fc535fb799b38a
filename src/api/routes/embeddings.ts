/** `/embeddings/{id}`: follow the job, fetch its images, delete everything. */
import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { EmbeddingRecord } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { erase } from '../../store/erase.js';
import type { AppDeps } from '../app.js';
import { IMAGE_TYPES } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { ImageQuery, PLACED_PROBLEM } from '../morph-schemas.js';
import { retryAfter } from '../present.js';
import { checkImageQuery, sendPlaced } from '../reconstruction.js';
import { EmbeddingParams, imageAnswer, PreferHeader, problems } from '../schemas.js';
import { shown } from '../shown.js';
import { awaited } from '../wait.js';

const tags = ['embeddings'];

const retry = { type: 'integer', description: 'Seconds until asking again is worth it.' };

export function embeddingRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { records, blobs, queues } = deps;

  async function find(tenant: string, id: string): Promise<EmbeddingRecord> {
    const record = await records.find(tenant, id);
    if (!record)
      throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was never created, or it was deleted.' });
    return record;
  }

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/embeddings/:id',
      schema: {
        tags,
        operationId: 'getEmbedding',
        summary: 'State, progress and result of an embedding',
        params: EmbeddingParams,
        headers: PreferHeader,
        response: {
          200: {
            description: 'The embedding.',
            headers: { 'retry-after': retry },
            content: { 'application/json': { schema: Type.Ref('Embedding') } },
          },
          ...problems('EMBEDDING_NOT_FOUND', 'UNAVAILABLE'),
        },
      },
      handler: async (request, reply) => {
        const found = await find(request.caller.tenant, request.params.id);
        const record = (await awaited(deps, request, reply, [found]))[0]!;
        const seconds = retryAfter(record);
        if (seconds !== undefined) reply.header('retry-after', seconds);
        return reply.header('cache-control', 'no-store').send((await shown(deps, [record]))[0]!);
      },
    });

    app.route({
      method: 'GET',
      config: { access: 'signed' },
      url: '/embeddings/:id/image',
      schema: {
        tags,
        operationId: 'getEmbeddingImage',
        security: [{ key: [] }, { signature: [] }],
        summary: 'An image of an embedding',
        params: EmbeddingParams,
        querystring: ImageQuery,
        response: {
          200: imageAnswer('The image.', IMAGE_TYPES),
          304: { description: 'The client has this image already.', type: 'null' },
          ...problems(
            'BAD_REQUEST',
            'EMBEDDING_NOT_FOUND',
            'IMAGE_NOT_READY',
            PLACED_PROBLEM,
            'ENGINE_FAILED',
            'BUSY',
            'STORAGE_LOW',
            'UNAVAILABLE',
          ),
        },
      },
      handler: async (request, reply) => {
        checkImageQuery(request.query);
        const { kind, placement } = request.query;
        const record = await find(request.caller.tenant, request.params.id);
        if (placement === 'original') return sendPlaced(deps, request, reply, request.query, record);
        const key = record.blobs[kind];
        const bytes = key ? await blobs.get(key) : undefined;
        if (!bytes) {
          const detail = `The embedding is ${record.state} and has no image of the kind ${kind}.`;
          throw new AppError('IMAGE_NOT_READY', { detail, extra: { state: record.state } });
        }
        const tag = createHash('sha256').update(bytes).digest('hex');
        tagged(reply, tag);
        return isCached(request, tag) ? reply.code(304).send(null) : sendImage(reply, bytes);
      },
    });

    app.route({
      method: 'DELETE',
      url: '/embeddings/:id',
      schema: {
        tags,
        operationId: 'deleteEmbedding',
        summary: 'Delete an embedding with all its images, its latent and every morph made from it',
        description:
          'Cancels it first when it is queued or running. Afterwards the id is unknown: deleting again answers 404, which a client that repeats a lost request may take for success.',
        params: EmbeddingParams,
        response: {
          204: { description: 'Deleted.', type: 'null' },
          ...problems('EMBEDDING_NOT_FOUND', 'UNAVAILABLE'),
        },
      },
      handler: async (request, reply) => {
        const { id } = request.params;
        const { tenant, key } = request.caller;
        // The record goes first: from here on a running worker and new morphs find nothing to write to or read from.
        if (!(await records.remove(tenant, id, { why: 'request', key })))
          throw new AppError('EMBEDDING_NOT_FOUND');
        request.log.info({ embedding: id, tenant, key, why: 'request' }, 'embedding deleted');
        await erase({ records, blobs, jobs: queues }, id);
        return reply.code(204).send(null);
      },
    });
  };
}
