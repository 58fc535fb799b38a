/** `/morph/smoothness`: how evenly a morph's image changes along its way, measured once for each pair and mode. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Value } from 'typebox/value';
import { Smoothness } from '../../contracts.js';
import { smoothnessKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { isCached, tagged } from '../image-reply.js';
import { crossoverOf, hasCrossover, made, pairOf } from '../morph-pair.js';
import { MORPH_PROBLEMS, MorphSmoothness, SmoothnessQuery } from '../morph-schemas.js';
import { problems } from '../schemas.js';

export function smoothnessRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/morph/smoothness',
      schema: {
        tags: ['morph'],
        operationId: 'getMorphSmoothness',
        summary: 'The perceptual path length of a morph',
        description:
          'The less, the smoother the morph; the two embeddings can be swapped. Measured on first demand, which takes several seconds, and then served at once. A request that is too late answers 503; the measurement goes on, and asking again gets it.',
        querystring: SmoothnessQuery,
        response: {
          200: MorphSmoothness,
          304: { description: 'The client has this measurement already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS),
        },
      },
      handler: async (request, reply) => {
        const { a, b, mode } = request.query;
        const crossover = crossoverOf(request.query);
        const { first, second, generator } = await pairOf(deps, request.caller.tenant, a, b);
        const path = { mode, crossover };
        const key = smoothnessKey({ a: first.latentHash, b: second.latentHash, generator, ...path });
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        const job = { kind: 'smoothness' as const, key, a: first.latent, b: second.latent, ...path };
        const bytes = await made(deps, job, [a, b]);
        const measured = Value.Parse(Smoothness, JSON.parse(bytes.toString('utf8')));
        return { ...measured, mode, ...(hasCrossover(mode) && { crossover }) };
      },
    });
  };
}
