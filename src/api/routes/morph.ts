/** `/morph`: the image between two embeddings, rendered once and then served from the blob store. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { renderBlob } from '../../store/blob-keys.js';
import type { AppDeps } from '../app.js';
import { IMAGE_TYPES, imageFormat } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { morphJob, pathOf } from '../morph-job.js';
import { pairOf, rendered } from '../morph-pair.js';
import { MORPH_PROBLEMS, MorphQuery } from '../morph-schemas.js';
import { imageAnswer, problems } from '../schemas.js';

export function morphRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
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
          200: imageAnswer('The image.', IMAGE_TYPES),
          304: { description: 'The client has this image already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS),
        },
      },
      handler: async (request, reply) => {
        const { a, b, lambda, size } = request.query;
        const path = pathOf(request.query);
        const format = imageFormat(request, reply, request.query.format);
        const quality = format === 'png' ? undefined : request.query.quality;
        const { first, second, generator } = await pairOf(deps, a, b);
        const shown = { lambda, size, format, quality };
        const job = morphJob(deps, path, { first, second, generator }, shown);
        const { key } = job;
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        return sendImage(
          reply,
          (await deps.blobs.get(renderBlob(key))) ?? (await rendered(deps, job, [a, b])),
        );
      },
    });
  };
}
