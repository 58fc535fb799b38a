/** `POST /faces`: who is to be seen in a photo, and how well. Nothing is embedded and nothing kept. */
import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { Box, type Examination, type ExaminedFace, QualityWarning } from '../../contracts.js';
import { encodeUpright, sniffPhoto } from '../../images.js';
import { LOOKED_AT } from '../../store/blob-keys.js';
import type { AppDeps } from '../app.js';
import { lookAt } from '../look-at.js';
import { problems } from '../schemas.js';
import { readPhoto } from '../upload.js';
import { PhotoUpload } from '../upload-schemas.js';

const degrees = (description: string, example: number) => Type.Number({ description, examples: [example] });

const FoundFace = Type.Object({
  index: Type.Integer({ description: 'What `face` of POST /embeddings calls it.', examples: [0] }),
  box: Box,
  landmarks: Type.Array(Type.Array(Type.Number({ examples: [1204.5] }), { minItems: 2, maxItems: 2 }), {
    minItems: 68,
    maxItems: 68,
    description: 'Points (x, y) of the iBUG scheme in pixels of the upright photo.',
  }),
  score: Type.Number({ description: 'Confidence of the detector, 0 to 1.', examples: [0.98] }),
  angle: Type.Object(
    {
      roll: degrees('Tilt in the picture, clockwise positive; surer than the others.', -3.1),
      yaw: degrees(
        'Turn to the side, from where the nose lies between the ends of the jaw: beyond 40 it is a rough one. Positive: the nose points to the right of the picture.',
        12.5,
      ),
      pitch: degrees(
        'Upwards positive, from how high the tip of the nose lies between eyes and mouth. Noses differ: an error of 10 degrees and more is usual.',
        -4.8,
      ),
    },
    { description: 'Degrees, estimated from the landmarks.' },
  ),
  sharpness: Type.Number({
    description: 'Detail over contrast within the face; below 0.12 it looks blurred.',
    examples: [0.21],
  }),
  size: Type.Number({
    description: 'Side of the aligned square in pixels of the photo; from 256 on nothing is made up.',
    examples: [512.4],
  }),
  fit: Type.Boolean({
    description: 'True: nothing stands in the way of a good likeness. Others can be embedded all the same.',
  }),
  reasons: Type.Array(QualityWarning, { description: 'Why it is not fit.' }),
});
type FoundFace = Static<typeof FoundFace>;

const FaceList = Type.Object(
  {
    width: Type.Integer({ description: 'Width of the upright photo.', examples: [3024] }),
    height: Type.Integer({ description: 'Height of the upright photo.', examples: [4032] }),
    faces: Type.Array(FoundFace, { description: 'The largest first; empty where there is none.' }),
  },
  { description: 'The faces.' },
);

export function faceRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { config } = deps;
  return async (app) => {
    app.route({
      method: 'POST',
      url: '/faces',
      schema: {
        tags: ['embeddings'],
        operationId: 'listFaces',
        summary: 'The faces of a photo, and how well it shows them',
        description: 'Embeds nothing and keeps nothing: the photo is deleted before the answer.',
        consumes: ['multipart/form-data'],
        body: PhotoUpload,
        response: {
          200: FaceList,
          ...problems(
            'BAD_REQUEST',
            'IMAGE_MISSING',
            'IMAGE_TOO_LARGE',
            'PAYLOAD_TOO_LARGE',
            'IMAGE_UNSUPPORTED',
            'UNSUPPORTED_MEDIA_TYPE',
            'IMAGE_UNREADABLE',
            'ENGINE_FAILED',
            'BUSY',
            'STORAGE_LOW',
            'UNAVAILABLE',
          ),
        },
      },
      // As in POST /embeddings.
      validatorCompiler: () => () => true,
      preParsing: async (request, reply) => app.uploads.enter(request, reply),
      handler: async (request, reply) => {
        const photo = await readPhoto(request, config);
        await deps.disk.check();
        await sniffPhoto(photo, { maxPixels: config.maxPixels });
        const { width, height, faces } = await examined(deps, await encodeUpright(photo));
        return reply.header('cache-control', 'no-store').send({ width, height, faces: faces.map(found) });
      },
    });
  };
}

/** What a worker sees in the photo, which is deleted then; one that cannot be deleted is swept away later. */
async function examined(deps: AppDeps, photo: Uint8Array): Promise<Examination> {
  const blob = `${LOOKED_AT}${randomUUID()}.jpg`;
  try {
    await deps.blobs.put(blob, photo);
    return await lookAt(deps, 'faces', blob, deps.patience.renderMs);
  } finally {
    await deps.blobs.delete(blob).catch(() => undefined);
  }
}

const found = (face: ExaminedFace, index: number): FoundFace => {
  const { box, landmarks, score, angle, sharpness, side: size, warnings: reasons } = face;
  return { index, box, landmarks, score, angle, sharpness, size, fit: reasons.length === 0, reasons };
};
