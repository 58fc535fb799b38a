/** `/morph`: the image between two embeddings, rendered once and then served from the blob store. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { placedKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { IMAGE_TYPES, imageFormat } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { morphJob, pathOf } from '../morph-job.js';
import { made, pairOf } from '../morph-pair.js';
import { MORPH_PROBLEMS, MorphQuery, PLACED_PROBLEM } from '../morph-schemas.js';
import { placeOf, squareSize } from '../placement.js';
import { imageAnswer, problems } from '../schemas.js';

export function morphRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      config: { access: 'signed' },
      url: '/morph',
      schema: {
        tags: ['morph'],
        security: [{ key: [] }, { signature: [] }],
        operationId: 'getMorph',
        summary: 'The morph of two embeddings',
        description:
          'Rendered on first demand and then served at once. The ETag is strong and depends on the latents, the generator and every parameter.',
        querystring: MorphQuery,
        response: {
          200: imageAnswer('The image.', IMAGE_TYPES),
          304: { description: 'The client has this image already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS, PLACED_PROBLEM),
        },
      },
      handler: async (request, reply) => {
        const { a, b, lambda, into = 'a' } = request.query;
        const path = pathOf(request.query);
        const size = squareSize(request.query);
        const format = imageFormat(request, reply, request.query.format);
        const quality = format === 'png' ? undefined : request.query.quality;
        const pair = await pairOf(deps, request.caller.tenant, a, b);
        const whose = { parameter: into, id: into === 'a' ? a : b };
        const place = await placeOf(deps, request.caller.tenant, request.query, whose);
        const job = morphJob(deps, path, pair, { lambda, size, format, quality });
        const key = place ? placedKey(job.key, place) : job.key;
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        return sendImage(reply, await made(deps, { ...job, key, place }, [a, b]));
      },
    });
  };
}
