/** `POST /embeddings/{id}/cancel`: stops an embedding that is not finished, and keeps what is known of it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { AppError } from '../../errors.js';
import { dropPhotos } from '../../store/erase.js';
import type { AppDeps } from '../app.js';
import { present } from '../present.js';
import { EmbeddingParams, problems } from '../schemas.js';

export function cancelRoutes({ records, queues, blobs }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'POST',
      url: '/embeddings/:id/cancel',
      schema: {
        tags: ['embeddings'],
        operationId: 'cancelEmbedding',
        summary: 'Cancel an embedding that is queued or running',
        description:
          'A running projection ends within a few seconds. Cancelling again changes nothing; one that has finished otherwise is refused with 409.',
        params: EmbeddingParams,
        response: {
          200: {
            description: 'The cancelled embedding.',
            content: { 'application/json': { schema: Type.Ref('Embedding') } },
          },
          ...problems('EMBEDDING_NOT_FOUND', 'EMBEDDING_FINISHED', 'UNAVAILABLE'),
        },
      },
      handler: async ({ params: { id }, caller: { tenant } }, reply) => {
        const find = async () => {
          const record = await records.find(tenant, id);
          if (!record)
            throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was never created, or it was deleted.' });
          return record;
        };
        await find();
        // The record goes first: a job that starts in between finds that it may not.
        if (await records.cancel(id)) await queues.cancelEmbed(id);
        await dropPhotos({ records, blobs }, id);
        const record = await find();
        if (record.state !== 'cancelled')
          throw new AppError('EMBEDDING_FINISHED', {
            detail: `The embedding is ${record.state}; only one that is queued or running can be cancelled. DELETE removes it.`,
            extra: { state: record.state },
          });
        return reply.header('cache-control', 'no-store').send(present(record));
      },
    });
  };
}
