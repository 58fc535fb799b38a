/** `/morph/grid`: one labelled picture of many morphs of two embeddings, as the figures of the paper. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { MORPH_MODES, type MorphMode } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { gridKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { IMAGE_TYPES, imageFormat } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { crossoverOf, hasCrossover, made, pairOf } from '../morph-pair.js';
import { CROSSOVER, GridQuery, MORPH_PROBLEMS } from '../morph-schemas.js';
import { imageAnswer, problems } from '../schemas.js';

/** Crossovers of a grid: a quarter, a half and three quarters of the axis. */
const QUARTERS = [1, 2, 3];

export function gridRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      config: { access: 'signed' },
      url: '/morph/grid',
      schema: {
        tags: ['morph'],
        security: [{ key: [] }, { signature: [] }],
        operationId: 'getMorphGrid',
        summary: 'Many morphs of two embeddings in one picture',
        description:
          'Lambda across, modes or crossovers down, each morph with its label. Rendered on first demand, which takes a third of a second for each morph on a CPU, and then served at once. A request that is too late answers 503; the rendering goes on, and asking again gets it.',
        querystring: GridQuery,
        response: {
          200: imageAnswer('The picture.', IMAGE_TYPES),
          304: { description: 'The client has this picture already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS),
        },
      },
      handler: async (request, reply) => {
        const { a, b, columns, cell } = request.query;
        const rows = rowsOf(request.query);
        const format = imageFormat(request, reply, request.query.format);
        const quality = format === 'png' ? undefined : request.query.quality;
        const { first, second, generator } = await pairOf(deps, request.caller.tenant, a, b);
        const lambdas = Array.from({ length: columns }, (_, i) => i / (columns - 1));
        const shown = { lambdas, rows, cell, format, quality };
        const key = gridKey({ a: first.latentHash, b: second.latentHash, generator, ...shown });
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        const job = { kind: 'grid' as const, key, a: first.latent, b: second.latent, ...shown };
        return sendImage(reply, await made(deps, job, [a, b]));
      },
    });
  };
}

interface Row {
  mode: MorphMode;
  crossover: number;
  label: string;
}

function rowsOf({ rows, mode }: { rows: 'modes' | 'crossovers'; mode?: keyof typeof CROSSOVER }): Row[] {
  if (rows === 'crossovers') {
    const crossed = mode ?? 'style';
    return QUARTERS.map((quarter) => {
      const crossover = (quarter * (CROSSOVER[crossed].max + 1)) / 4;
      return { mode: crossed, crossover, label: `${crossed} ${crossover}` };
    });
  }
  if (mode !== undefined)
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`mode\` '${mode}' with \`rows\` modes, which shows them all; expected \`rows\` crossovers, or no \`mode\`.`,
    });
  return MORPH_MODES.map((each) => {
    const crossover = crossoverOf({ mode: each });
    return { mode: each, crossover, label: hasCrossover(each) ? `${each} ${crossover}` : each };
  });
}
