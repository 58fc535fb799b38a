/** `POST /morph`: the image of a weighted mix of embeddings. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { STYLES } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { blendKey, placedKey } from '../../store/render-key.js';
import type { AppDeps } from '../app.js';
import { received } from '../expected.js';
import { IMAGE_TYPES, imageFormat } from '../image-format.js';
import { isCached, sendImage, tagged } from '../image-reply.js';
import { readsJson } from '../json-body.js';
import { made, sourcesOf } from '../morph-pair.js';
import { BlendBody, MORPH_PROBLEMS, PLACED_PROBLEM } from '../morph-schemas.js';
import { placeOf, squareSize } from '../placement.js';
import { imageAnswer, problems } from '../schemas.js';

/** Bytes of a body: eight embeddings with sixteen weights each take a tenth of it. */
const BODY_LIMIT = 32_768;
/** A sum of weights is no divisor below this share of their sizes. */
const LEAST_SUM = 1e-6;

export function blendRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    readsJson(app);
    app.route({
      method: 'POST',
      url: '/morph',
      bodyLimit: BODY_LIMIT,
      schema: {
        tags: ['morph'],
        operationId: 'postMorph',
        summary: 'The mix of up to eight embeddings',
        description:
          'A weighted sum of latents, in every style alike or with weights of its own for each; without weights, their mean. Rendered on first demand and then served at once; the ETag is strong.',
        body: BlendBody,
        response: {
          200: imageAnswer('The image.', IMAGE_TYPES),
          304: { description: 'The client has this image already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS, PLACED_PROBLEM, 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
        },
      },
      handler: async (request, reply) => {
        const { latents, space } = request.body;
        const size = squareSize(request.body);
        const shownIn = intoOf(request.body);
        const weights = weightsOf(request.body);
        const format = imageFormat(request, reply, request.body.format);
        const quality = format === 'png' ? undefined : request.body.quality;
        const named = latents.map(({ id }, i) => ({ name: `latents/${i}`, id }));
        const { sources, generator } = await sourcesOf(deps, request.caller.tenant, named);
        const shown = { space, weights, size, format, quality };
        const whose = { parameter: `latents/${shownIn}`, id: latents[shownIn]!.id };
        const place = await placeOf(deps, request.caller.tenant, request.body, whose);
        const hashes = sources.map(({ latentHash }) => latentHash);
        const square = blendKey({ latents: hashes, generator, ...shown });
        const key = place ? placedKey(square, place) : square;
        tagged(reply, key);
        if (isCached(request, key)) return reply.code(304).send(null);
        const blobs = sources.map(({ latent }) => latent);
        const job = { kind: 'blend' as const, key, latents: blobs, place, ...shown };
        const ids = [...new Set(latents.map(({ id }) => id))];
        return sendImage(reply, await made(deps, job, ids));
      },
    });
  };
}

/** Which of the latents has the photo that is drawn into. Throws BAD_REQUEST. */
function intoOf({ latents, into }: BlendBody): number {
  const found = into === undefined ? 0 : latents.findIndex(({ id }) => id === into);
  if (found >= 0) return found;
  throw new AppError('BAD_REQUEST', {
    detail: `Received \`into\` ${received(into)}, which is none of \`latents\`; expected the \`id\` of one of them.`,
  });
}

/** A row of weights for each latent, one for each style. Throws BAD_REQUEST. */
function weightsOf({ latents, normalise, space }: BlendBody): number[][] {
  if (space === 'pn' && !normalise)
    throw new AppError('BAD_REQUEST', {
      detail:
        'Received `normalise` false with `space` pn; expected `space` w, or weights that are normalised.',
    });
  const rows = latents.map(({ weight, weights }, i) => {
    if (weight !== undefined && weights !== undefined)
      throw new AppError('BAD_REQUEST', {
        detail: `Received \`weight\` and \`weights\` for \`latents/${i}\`; expected one of them, or neither.`,
      });
    return weights ?? Array.from({ length: STYLES }, () => weight ?? 1);
  });
  if (!normalise) return rows;
  const sums = Array.from({ length: STYLES }, (_, style) => {
    const column = rows.map((row) => row[style]!);
    const total = (of: (x: number) => number): number => column.reduce((sum, x) => sum + of(x), 0);
    const sum = total((x) => x);
    if (Math.abs(sum) > LEAST_SUM * total(Math.abs)) return sum;
    throw new AppError('BAD_REQUEST', {
      detail: `The weights of style ${style} sum to ${sum} and cannot be normalised; expected another sum than 0, or \`normalise\` false.`,
    });
  });
  return rows.map((row) => row.map((weight, style) => weight / sums[style]!));
}
