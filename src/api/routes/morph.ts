/** `/morph`: the image between two embeddings, rendered once and then served from the blob store. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { placedKey, renderKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { IMAGE_TYPES, imageFormat } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { crossoverOf, made, pairOf } from '../morph-pair.js';
import { MORPH_PROBLEMS, MorphQuery, PLACED_PROBLEM } from '../morph-schemas.js';
import { placeOf, squareSize } from '../placement.js';
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
          ...problems(...MORPH_PROBLEMS, PLACED_PROBLEM),
        },
      },
      handler: async (request, reply) => {
        const { a, b, lambda, mode, into = 'a' } = request.query;
        const crossover = crossoverOf(request.query);
        const size = squareSize(request.query);
        const format = imageFormat(request, reply, request.query.format);
        const quality = format === 'png' ? undefined : request.query.quality;
        const { first, second, generator } = await pairOf(deps, a, b);
        const whose = { parameter: into, id: into === 'a' ? a : b };
        const place = await placeOf(deps, request.query, whose);
        const shown = { lambda, mode, crossover, size, format, quality };
        const square = renderKey({ a: first.latentHash, b: second.latentHash, generator, ...shown });
        const key = place ? placedKey(square, place) : square;
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        const job = { kind: 'morph' as const, key, a: first.latent, b: second.latent, place, ...shown };
        return sendImage(reply, await made(deps, job, [a, b]));
      },
    });
  };
}
