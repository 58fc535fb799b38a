/** Shapes of what `POST /embeddings` and `POST /faces` take, and of an answer that tells about each photo. */
import { Type } from 'typebox';
import { UPLOAD_FIELDS } from './upload-fields.js';

const file = { format: 'binary' };

/** The multipart body; parsed by `readUpload`, shown in the docs. */
export const Upload = (maxPhotos: number) =>
  Type.Object(
    {
      image: Type.Array(Type.String(file), {
        minItems: 1,
        maxItems: maxPhotos,
        description: 'One or several photos: JPEG, PNG, WebP or AVIF.',
      }),
      latent: Type.String({
        ...file,
        description:
          'In place of photos: one latent as .npy, safetensors or JSON (see `GET /embeddings/{id}/latent`). With it only `generator`, `labels`, `reference`, `priority`, `store` and `retention` are taken.',
      }),
      ...UPLOAD_FIELDS,
    },
    { required: [], additionalProperties: false },
  );

export const PhotoUpload = Type.Object(
  { image: Type.String({ ...file, description: 'The photo: JPEG, PNG, WebP or AVIF.' }) },
  { additionalProperties: false },
);

export const PartialResults = Type.Object(
  {
    results: Type.Array(
      Type.Object({
        index: Type.Integer({ description: 'Position of the photo in the request, from 0.', examples: [1] }),
        embedding: Type.Optional(Type.Ref('Embedding')),
        problem: Type.Optional(Type.Ref('Problem')),
      }),
      { description: 'In the order of the photos: an embedding for each face accepted, or the problem.' },
    ),
  },
  { $id: 'PartialResults', description: 'Answer to a request with `partial=true`.' },
);
