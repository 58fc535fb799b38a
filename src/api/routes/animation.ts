/** `/morph/animation`: the way from one embedding to the other as a moving picture, sent while it is rendered. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Value } from 'typebox/value';
import { animationStream, STILL_FORMAT } from '../../animation/stream.js';
import { lambdasOf } from '../../animation/timeline.js';
import { Pace } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { animationKey, paceKey } from '../../store/render-key.js';
import { AnimationQuery } from '../animation-schema.js';
import type { AppDeps } from '../app.js';
import { isCached, sendStream, tagged } from '../image-reply.js';
import { morphJob, pathOf } from '../morph-job.js';
import { crossoverOf, made, pairOf } from '../morph-pair.js';
import { MORPH_PROBLEMS } from '../morph-schemas.js';
import { imageAnswer, problems } from '../schemas.js';

const MEDIA_TYPE = { webp: 'image/webp', gif: 'image/gif', mp4: 'video/mp4' } as const;

/** Frames a second. Browsers show GIF frames of less than two hundredths of a second slowly. */
const MAX_RATE = 50;

export function animationRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      config: { access: 'signed' },
      url: '/morph/animation',
      schema: {
        tags: ['morph'],
        security: [{ key: [] }, { signature: [] }],
        operationId: 'getMorphAnimation',
        summary: 'The morph of two embeddings as a moving picture',
        description:
          'Sent frame by frame while it is rendered; it stops when the client goes away. A frame that fails ends the connection before the end of the file. Frames are kept as morphs are, so that the next animation of the pair comes sooner.',
        querystring: AnimationQuery,
        response: {
          200: imageAnswer('The animation.', Object.values(MEDIA_TYPE)),
          304: { description: 'The client has this animation already.', type: 'null' },
          ...problems(...MORPH_PROBLEMS, 'FORMAT_UNAVAILABLE'),
        },
      },
      handler: async (request, reply) => {
        const { a, b, format, size, quality, loop, frames, duration, pingpong } = request.query;
        refuseImpossible(request.query);
        const path = pathOf(request.query);
        const pair = await pairOf(deps, request.caller.tenant, a, b);
        const frameAt = (lambda: number, frameQuality: number) =>
          morphJob(deps, path, pair, {
            lambda,
            size,
            format: STILL_FORMAT[format],
            // GIF has colours, but no quality.
            quality: format === 'gif' ? undefined : frameQuality,
          });
        const { from, to, easing, pacing } = request.query;
        const timing = { from, to, frames, easing, pingpong, pacing, duration, loop: loop ?? 0 };
        const key = animationKey({ frame: frameAt(0, quality).key, format, ...timing });
        tagged(reply, key).type(MEDIA_TYPE[format]);
        if (isCached(request, key)) return reply.code(304).send(null);
        if (request.method === 'HEAD') return sendStream(reply, []);

        if (!app.animations.enter(reply))
          throw new AppError('BUSY', {
            detail: 'Too many animations are being sent already; try again in a moment.',
          });
        const pace = pacing === 'even' ? await paceOf(deps, request.query, pair) : undefined;
        const lambdas = lambdasOf({ from, to, frames, easing, pingpong, pace });
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        const still = async (frame: number, frameQuality: number): Promise<Buffer> => {
          gone.signal.throwIfAborted();
          return made(deps, frameAt(lambdas[frame]!, frameQuality), [a, b]);
        };
        const seconds = (duration * lambdas.length) / frames;
        const animation = { size, frames: lambdas.length, seconds, loop: loop ?? 0, quality, still };
        return sendStream(reply, await begun(animationStream(format, animation)));
      },
    });
  };
}

/** How fast the morph changes; measured when nobody has asked before. */
async function paceOf(
  deps: AppDeps,
  { a, b, mode, crossover }: AnimationQuery,
  { first, second, generator }: Awaited<ReturnType<typeof pairOf>>,
): Promise<Pace> {
  if (mode === 'region')
    throw new AppError('BAD_REQUEST', {
      detail:
        'Received `pacing` even with mode region, whose pace is not measured; expected `pacing` lambda, or another mode.',
    });
  const path = { mode, crossover: crossoverOf({ mode, ...(crossover !== undefined && { crossover }) }) };
  const key = paceKey({ a: first.latentHash, b: second.latentHash, generator, ...path });
  const job = { kind: 'pace' as const, key, a: first.latent, b: second.latent, ...path };
  return Value.Parse(Pace, JSON.parse((await made(deps, job, [a, b])).toString('utf8')));
}

/** Throws BAD_REQUEST for what cannot be shown, and for what the format would ignore. */
function refuseImpossible({ format, loop, size, frames, duration }: AnimationQuery): void {
  const refuse = (detail: string): never => {
    throw new AppError('BAD_REQUEST', { detail });
  };
  if (frames / duration > MAX_RATE)
    refuse(
      `Received ${frames} \`frames\` in a \`duration\` of ${duration} s; expected at most ${MAX_RATE} frames a second.`,
    );
  if (format === 'mp4' && loop !== undefined)
    refuse(
      `Received \`loop\` ${loop} with \`format\` mp4, which leaves that to the player; expected webp or gif, or no \`loop\`.`,
    );
  if (format === 'mp4' && size % 2 === 1)
    refuse(`Received the odd \`size\` ${size} with \`format\` mp4; expected an even number.`);
}

/** The same bytes, the first of which are there: what fails before them is answered as a problem. */
async function begun(bytes: AsyncGenerator<Uint8Array>): Promise<AsyncGenerator<Uint8Array>> {
  const first = await bytes.next();
  return (async function* () {
    try {
      if (!first.done) yield first.value;
      yield* bytes;
    } finally {
      await bytes.return(undefined);
    }
  })();
}
