/** What `POST /embeddings` and `POST /faces` are sent: photos, or a latent, and typed fields. */
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors.js';
import { received } from './expected.js';
import { readForm, type SentFile, type UploadLimits } from './multipart-form.js';
import { isOption, parseFields, UPLOAD_FIELD_NAMES, type UploadFields } from './upload-fields.js';

/** An encoded photo, or why it was not taken. */
export type SentPhoto = Buffer | AppError;

export interface Upload extends UploadFields {
  /** Empty where a latent was sent. */
  photos: SentPhoto[];
  latent: Buffer | undefined;
}

/** Bytes of a latent in the most wasteful format are a quarter of this. */
const MAX_LATENT_BYTES = 2 ** 20;

/** Fields that mean something for a latent: nothing is projected. */
const LATENT_FIELDS = ['labels', 'reference', 'priority', 'store', 'retention', 'generator'];

/** Throws BAD_REQUEST, IMAGE_MISSING or PAYLOAD_TOO_LARGE. */
export async function readUpload(request: FastifyRequest, limits: UploadLimits): Promise<Upload> {
  const shape = { files: ['image', 'latent'], fields: UPLOAD_FIELD_NAMES };
  const { files, fields } = await readForm(request, shape, limits);
  const latents = files.filter(({ field }) => field === 'latent');
  if (latents.length > 0) return latentUpload(files, fields);
  if (files.length === 0) {
    throw new AppError('IMAGE_MISSING', {
      detail: 'The form has no photo; expected one or more in the field `image`.',
    });
  }
  if (fields.has('generator'))
    throw new AppError('BAD_REQUEST', {
      detail: 'Received `generator` without a latent; expected a file in the field `latent`, or neither.',
    });
  const photos = files.map(({ bytes, isCut }, i) => (isCut ? tooLarge(i, limits) : bytes));
  return { ...parseFields(fields), photos, latent: undefined };
}

/** The one photo of `POST /faces`. Throws BAD_REQUEST, IMAGE_MISSING, IMAGE_TOO_LARGE or PAYLOAD_TOO_LARGE. */
export async function readPhoto(request: FastifyRequest, limits: UploadLimits): Promise<Buffer> {
  const { files } = await readForm(request, { files: ['image'], fields: [] }, { ...limits, maxPhotos: 1 });
  const [file] = files;
  if (!file)
    throw new AppError('IMAGE_MISSING', {
      detail: 'The form has no photo; expected one in the field `image`.',
    });
  if (file.isCut) throw tooLarge(0, limits);
  return file.bytes;
}

/** All that makes the request what it is. */
export const partsOf = ({ photos, latent, ...fields }: Upload): (string | Uint8Array)[] => [
  JSON.stringify({ ...fields, kind: latent ? 'latent' : 'photos' }),
  ...(latent ? [latent] : photos.map((photo) => (photo instanceof AppError ? photo.message : photo))),
];

function latentUpload(files: readonly SentFile[], fields: ReadonlyMap<string, string>): Upload {
  const bad = (detail: string) => new AppError('BAD_REQUEST', { detail });
  const [file, ...others] = files;
  if (!file || others.length > 0)
    throw bad(`Received a latent among ${files.length} files; expected it alone, one in a request.`);
  const odd = [...fields.keys()].find((name) => !LATENT_FIELDS.includes(name));
  if (odd !== undefined) {
    const why = isOption(odd) ? 'an option of a projection' : 'a field for photos';
    throw bad(
      `Received ${received(odd)}, ${why}, with a latent, which is kept as it is; expected none but ${LATENT_FIELDS.join(', ')}.`,
    );
  }
  if (file.isCut || file.bytes.length > MAX_LATENT_BYTES)
    throw new AppError('PAYLOAD_TOO_LARGE', {
      detail: `The file in the field \`latent\` has more than ${MAX_LATENT_BYTES} bytes; expected one latent of 16 x 512 numbers.`,
    });
  return { ...parseFields(fields), photos: [], latent: file.bytes };
}

const tooLarge = (index: number, { maxUploadBytes }: UploadLimits): AppError =>
  new AppError('IMAGE_TOO_LARGE', {
    detail: `The photo is larger than ${Math.floor(maxUploadBytes / 1024 / 1024)} MiB.`,
    extra: { index },
  });
