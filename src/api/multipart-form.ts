/** Reads a multipart body into memory within limits: files and text fields of known names, nothing else. */
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { AppError } from '../errors.js';
import { received } from './expected.js';

export type UploadLimits = Pick<Config, 'maxUploadBytes' | 'maxPhotos'>;

export interface FormShape {
  /** Names of the file fields. */
  files: readonly string[];
  /** Names of the text fields. */
  fields: readonly string[];
}

export interface SentFile {
  field: string;
  bytes: Buffer;
  /** It is larger than the limit, and `bytes` only its beginning. */
  isCut: boolean;
}

export interface Form {
  files: SentFile[];
  fields: Map<string, string>;
}

/** Throws BAD_REQUEST, IMAGE_MISSING or PAYLOAD_TOO_LARGE. Nothing is written to disk. */
export async function readForm(
  request: FastifyRequest,
  shape: FormShape,
  limits: UploadLimits,
): Promise<Form> {
  if (!request.isMultipart()) {
    throw new AppError('IMAGE_MISSING', {
      detail: 'The body is empty; expected multipart/form-data with the photos in the field `image`.',
    });
  }
  const form: Form = { files: [], fields: new Map() };
  let refusal: AppError | undefined;
  try {
    for await (const part of request.parts({ limits: partLimits(limits) })) {
      // A refused form is read to its end all the same: answering in mid-upload would break many clients.
      refusal ??= refuse(part, shape, form.fields);
      if (part.type === 'file') {
        if (refusal) part.file.resume();
        else {
          const bytes = await part.toBuffer();
          form.files.push({ field: part.fieldname, bytes, isCut: part.file.truncated });
        }
      } else {
        form.fields.set(part.fieldname, String(part.value));
      }
    }
  } catch (error) {
    request.raw.unpipe();
    request.raw.resume();
    throw formError(error, limits);
  }
  if (refusal) throw refusal;
  return form;
}

const partLimits = ({ maxUploadBytes, maxPhotos }: UploadLimits) => ({
  fileSize: maxUploadBytes,
  files: maxPhotos,
  fields: 30,
  parts: maxPhotos + 30,
  fieldSize: 2_000,
  fieldNameSize: 100,
  headerPairs: 20,
});

function refuse(
  part: Multipart,
  shape: FormShape,
  fields: ReadonlyMap<string, string>,
): AppError | undefined {
  const bad = (detail: string) => new AppError('BAD_REQUEST', { detail });
  const name = received(part.fieldname);
  const known = `expected ${described(shape)}`;
  const isFileField = shape.files.includes(part.fieldname);
  if (part.type === 'file')
    return isFileField ? undefined : bad(`Received a file in the field ${name}; ${known}.`);
  if (isFileField) {
    const field = part.fieldname;
    const file = field === 'image' ? 'photo.jpg' : `${field}.npy`;
    return bad(`Received text in the field \`${field}\`; expected a file. With curl: -F ${field}=@${file}`);
  }
  if (!shape.fields.includes(part.fieldname)) return bad(`Received the unknown field ${name}; ${known}.`);
  if (fields.has(part.fieldname))
    return bad(`Received the field \`${part.fieldname}\` twice; expected it once.`);
  if (part.valueTruncated) return bad(`The value of the field \`${part.fieldname}\` is too long.`);
  return undefined;
}

const described = ({ files, fields }: FormShape): string => {
  const names = files.map((file) => `\`${file}\``).join(' or ');
  return fields.length > 0
    ? `the file field ${names} and the fields ${fields.join(', ')}`
    : `the file field ${names} alone`;
};

function formError(error: unknown, { maxPhotos }: UploadLimits): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_FILES_LIMIT':
      return new AppError('PAYLOAD_TOO_LARGE', {
        detail: `Expected at most ${maxPhotos} ${maxPhotos === 1 ? 'photo' : 'photos'} in one request.`,
        cause: error,
      });
    case 'FST_PARTS_LIMIT':
    case 'FST_FIELDS_LIMIT':
      return error;
    default:
      return new AppError('BAD_REQUEST', {
        detail: 'The multipart body is malformed or was cut off.',
        cause: error,
      });
  }
}
