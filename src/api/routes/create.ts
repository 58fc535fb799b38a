/** `POST /embeddings`: photos to embed, or a latent to keep. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { accept } from '../accept.js';
import type { AppDeps } from '../app.js';
import { type Accepted, once } from '../idempotent.js';
import { importLatent } from '../import-latent.js';
import { checkQuota } from '../quota.js';
import { checkRetention } from '../retention.js';
import { problems, UploadHeaders } from '../schemas.js';
import { shown } from '../shown.js';
import { partsOf, readUpload, type Upload as SentUpload } from '../upload.js';
import { Upload } from '../upload-schemas.js';
import { awaited, isFinished } from '../wait.js';

const location = { type: 'string', description: 'Address of the embedding; only where it is a single one.' };
const retry = { type: 'integer', description: 'Seconds until asking again is worth it.' };
const content = {
  'application/json': {
    schema: Type.Union([Type.Ref('Embedding'), Type.Ref('EmbeddingList'), Type.Ref('PartialResults')]),
  },
};

export function createRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { config } = deps;
  return async (app) => {
    app.route({
      method: 'POST',
      url: '/embeddings',
      schema: {
        tags: ['embeddings'],
        operationId: 'createEmbeddings',
        summary: 'Embed one or several photos, or keep a latent',
        description:
          'Accepts the photos for projection into the latent space of the generator: all of them or none, or with `partial=true` each that can be. One photo is answered with its embedding, several (or `face=all`) with a list, `partial=true` with what became of each. A `latent` in place of photos is an embedding that has succeeded.',
        consumes: ['multipart/form-data'],
        headers: UploadHeaders,
        body: Upload(config.maxPhotos),
        response: {
          200: {
            description: 'All finished within the time that `Prefer` gave, or a latent.',
            headers: { location },
            content,
          },
          202: { description: 'Accepted.', headers: { location, 'retry-after': retry }, content },
          ...problems(
            'BAD_REQUEST',
            'IMAGE_MISSING',
            'IMAGE_TOO_LARGE',
            'PAYLOAD_TOO_LARGE',
            'IMAGE_UNSUPPORTED',
            'UNSUPPORTED_MEDIA_TYPE',
            'IMAGE_UNREADABLE',
            'FACE_NOT_FOUND',
            'FACE_INDEX_UNKNOWN',
            'TOO_MANY_FACES',
            'NOTHING_ACCEPTED',
            'LATENT_INVALID',
            'LATENT_GENERATOR_MISMATCH',
            'QUOTA_EXCEEDED',
            'QUEUE_FULL',
            'IDEMPOTENCY_IN_FLIGHT',
            'IDEMPOTENCY_KEY_REUSED',
            'ENGINE_FAILED',
            'BUSY',
            'STORAGE_LOW',
            'UNAVAILABLE',
          ),
        },
      },
      // The schema is documentation here: a multipart body is streamed, and `readUpload` checks it part by part.
      validatorCompiler: () => () => true,
      // Before anything of the body is read.
      preParsing: async (request, reply) => {
        await checkQuota(deps, request.caller);
        app.uploads.enter(request, reply);
      },
      handler: async (request, reply) => {
        const upload = await readUpload(request, config);
        checkRetention(upload.retention, config);
        const asked = { tenant: request.caller.tenant, request: request.id };
        const { latent } = upload;
        const { accepted, refused } = await once(deps, request, reply, partsOf(upload), (keyed) =>
          latent ? importLatent(deps, asked, latent, upload, keyed) : accept(deps, asked, upload, keyed),
        );
        const found = await awaited(
          deps,
          request,
          reply,
          accepted.map(({ record }) => record),
        );
        const records = accepted.map(({ index }, i) => ({ index, record: found[i]! }));
        return answer(deps, reply, upload, { accepted: records, refused });
      },
    });
  };
}

async function answer(
  deps: AppDeps,
  reply: FastifyReply,
  { photos, face, partial }: Pick<SentUpload, 'photos' | 'face' | 'partial'>,
  { accepted, refused }: Accepted,
): Promise<FastifyReply> {
  const isDone = accepted.every(({ record }) => isFinished(record.state));
  reply.code(isDone ? 200 : 202);
  if (!isDone) reply.header('retry-after', 2);
  const embeddings = await shown(
    deps,
    accepted.map(({ record }) => record),
  );
  if (partial) {
    const results = [
      ...embeddings.map((embedding, i) => ({ index: accepted[i]!.index, embedding })),
      ...refused,
    ];
    return reply.send({ results: results.sort((a, b) => a.index - b.index) });
  }
  const [only] = embeddings;
  if (!only || photos.length > 1 || face === 'all') return reply.send({ embeddings });
  return reply.header('location', only.links.self).send(only);
}
