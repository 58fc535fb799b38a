/** `GET /embeddings/{id}/latent`: the latent as a file for other programs. */
import { createHash } from 'node:crypto';
import { negotiate } from '@fastify/accept-negotiator';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { EmbeddingRecord } from '../../contracts.js';
import { AppError } from '../../errors.js';
import {
  type ExportedLatent,
  type GeneratorName,
  generatorText,
  LATENT_FORMATS,
  type LatentFormat,
  writeLatent,
} from '../../latent-files/latent-file.js';
import type { AppDeps } from '../app.js';
import { exampleId } from '../examples.js';
import { isCached, tagged } from '../image-reply.js';
import { EmbeddingParams, problems } from '../schemas.js';

/** In the order of preference where a client likes several alike. */
const TYPES: Readonly<Record<LatentFormat, string>> = {
  npy: 'application/x-npy',
  safetensors: 'application/x-safetensors',
  json: 'application/json',
};

const LatentQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Enum([...LATENT_FORMATS], {
        description: `\`npy\`: NumPy, float32 [16,512]; \`safetensors\`: the same with metadata; \`json\`. Left out: what \`Accept\` names of ${Object.values(TYPES).join(', ')}, else npy.`,
      }),
    ),
  },
  { additionalProperties: false },
);

const HEADERS = {
  etag: { type: 'string', description: 'sha256 of the latent, and the format.' },
  'latent-generator': { type: 'string', description: 'The generator as `name:hash`, as an import takes it.' },
};

export function latentRoutes({ records, blobs }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/embeddings/:id/latent',
      schema: {
        tags: ['embeddings'],
        operationId: 'getEmbeddingLatent',
        summary: 'The latent of an embedding, W+ [16,512]',
        description:
          'Of an embedding that succeeded, or that diverged and kept its last good latent. `latent` of POST /embeddings takes any of the files back.',
        params: EmbeddingParams,
        querystring: LatentQuery,
        response: {
          200: {
            description: 'The latent.',
            headers: HEADERS,
            content: Object.fromEntries(
              Object.values(TYPES).map((type) => [
                type,
                { schema: type === TYPES.json ? LatentJson : Type.String({ format: 'binary' }) },
              ]),
            ),
          },
          304: { description: 'The client has this file already.', type: 'null' },
          ...problems('BAD_REQUEST', 'EMBEDDING_NOT_FOUND', 'EMBEDDING_NOT_READY', 'UNAVAILABLE'),
        },
      },
      handler: async (request, reply) => {
        const { id } = request.params;
        const record = await records.find(request.caller.tenant, id);
        if (!record)
          throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was never created, or it was deleted.' });
        const { key, generator } = latentOf(record);
        const bytes = await blobs.get(key);
        if (!bytes) throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was deleted a moment ago.' });
        const format = formatOf(request, reply, request.query.format);
        const tag = `${createHash('sha256').update(bytes).digest('hex')}.${format}`;
        tagged(reply, tag).header('latent-generator', generatorText(generator));
        if (isCached(request, tag)) return reply.code(304).send(null);
        // The copy aligns it to four bytes, which a slice of Node's buffer pool need not be.
        const values = new Float32Array(Uint8Array.from(bytes).buffer);
        return sendFile(reply, format, { id, generator, values });
      },
    });
  };
}

const LatentJson = Type.Object({
  id: Type.String({ description: 'Id of the embedding.', examples: [exampleId] }),
  shape: Type.Array(Type.Integer(), { description: 'Of `values`.', examples: [[16, 512]] }),
  space: Type.Literal('w+', { description: 'What the numbers are: inputs of the synthesis.' }),
  generator: Type.Object(
    {
      name: Type.String({ description: 'Name.', examples: ['mobile-stylegan-ffhq'] }),
      hash: Type.String({ description: 'sha256 of its weights.', examples: ['5f2c8a1e'] }),
    },
    { description: 'Whose W+.' },
  ),
  values: Type.Array(Type.Array(Type.Number({ examples: [0.125] })), {
    description: 'A row for each style.',
  }),
});

/** Blob and generator of a latent that may leave. Throws EMBEDDING_NOT_READY. */
function latentOf({ state, blobs, generator, lastGood }: EmbeddingRecord): {
  key: string;
  generator: GeneratorName;
} {
  const isThere = state === 'succeeded' || (state === 'failed' && lastGood !== undefined);
  if (isThere && blobs.latent && generator) return { key: blobs.latent, generator };
  throw new AppError('EMBEDDING_NOT_READY', {
    detail: `The embedding is ${state}; only one that succeeded, or diverged and kept its last good latent, has one to give.`,
    extra: { state },
  });
}

function sendFile(reply: FastifyReply, format: LatentFormat, latent: ExportedLatent): FastifyReply {
  return reply
    .header('content-disposition', `attachment; filename="${latent.id}.${format}"`)
    .header('x-content-type-options', 'nosniff')
    .type(TYPES[format])
    .send(writeLatent(format, latent));
}

function formatOf(
  request: FastifyRequest,
  reply: FastifyReply,
  format: LatentFormat | undefined,
): LatentFormat {
  if (format) return format;
  reply.header('vary', 'accept');
  const type = negotiate(request.headers.accept ?? '', Object.values(TYPES));
  return LATENT_FORMATS.find((one) => TYPES[one] === type) ?? 'npy';
}
