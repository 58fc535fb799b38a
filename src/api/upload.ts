/** Reads the multipart body of `POST /embeddings`: photos into memory within limits, option fields into typed options. */
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Value } from 'typebox/value';
import type { Config } from '../config.js';
import { EmbeddingOptions } from '../contracts.js';
import { AppError } from '../errors.js';
import { withPreset } from '../models/stylegan/presets.js';
import { expected, type ParameterSchema, received } from './expected.js';

export type UploadLimits = Pick<Config, 'maxUploadBytes' | 'maxPhotos'>;

export interface Upload {
  photos: Buffer[];
  options: EmbeddingOptions;
}

const OPTION_NAMES = Object.keys(EmbeddingOptions.properties);
const EXPECTED_FIELDS = `expected the file field \`image\` and the option fields ${OPTION_NAMES.join(', ')}`;

/** Throws BAD_REQUEST, IMAGE_MISSING, IMAGE_TOO_LARGE or PAYLOAD_TOO_LARGE. Nothing is written to disk. */
export async function readUpload(request: FastifyRequest, limits: UploadLimits): Promise<Upload> {
  if (!request.isMultipart()) {
    throw new AppError('IMAGE_MISSING', {
      detail: 'The body is empty; expected multipart/form-data with the photos in the field `image`.',
    });
  }
  const photos: Buffer[] = [];
  const fields = new Map<string, string>();
  let refusal: AppError | undefined;
  try {
    for await (const part of request.parts({ limits: partLimits(limits) })) {
      // A refused form is read to its end all the same: answering in mid-upload would break many clients.
      refusal ??= refuse(part, fields);
      if (part.type === 'file') {
        if (refusal) part.file.resume();
        else photos.push(await part.toBuffer());
      } else {
        fields.set(part.fieldname, String(part.value));
      }
    }
  } catch (error) {
    request.raw.unpipe();
    request.raw.resume();
    throw formError(error, photos.length, limits);
  }
  if (refusal) throw refusal;
  if (photos.length === 0) {
    throw new AppError('IMAGE_MISSING', {
      detail: 'The form has no photo; expected one or more in the field `image`.',
    });
  }
  return { photos, options: parseOptions(fields) };
}

/** All that makes the request what it is. */
export const partsOf = ({ photos, options }: Upload): (string | Uint8Array)[] => [
  JSON.stringify(options),
  ...photos,
];

const partLimits = ({ maxUploadBytes, maxPhotos }: UploadLimits) => ({
  fileSize: maxUploadBytes,
  files: maxPhotos,
  fields: 20,
  parts: maxPhotos + 20,
  fieldSize: 1_000,
  fieldNameSize: 100,
  headerPairs: 20,
});

function refuse(part: Multipart, fields: ReadonlyMap<string, string>): AppError | undefined {
  const bad = (detail: string) => new AppError('BAD_REQUEST', { detail });
  const name = received(part.fieldname);
  if (part.type === 'file') {
    return part.fieldname === 'image'
      ? undefined
      : bad(`Received a file in the field ${name}; ${EXPECTED_FIELDS}.`);
  }
  if (part.fieldname === 'image') {
    return bad('Received text in the field `image`; expected a file. With curl: -F image=@photo.jpg');
  }
  if (!OPTION_NAMES.includes(part.fieldname))
    return bad(`Received the unknown field ${name}; ${EXPECTED_FIELDS}.`);
  if (fields.has(part.fieldname))
    return bad(`Received the field \`${part.fieldname}\` twice; expected it once.`);
  if (part.valueTruncated) return bad(`The value of the field \`${part.fieldname}\` is too long.`);
  return undefined;
}

/** Typed options of text fields, completed by their preset. Throws BAD_REQUEST that names the field. */
export function parseOptions(fields: ReadonlyMap<string, string>): EmbeddingOptions {
  const options: Record<string, unknown> = {};
  for (const [name, text] of fields) {
    const schema = EmbeddingOptions.properties[name as keyof EmbeddingOptions];
    const value = parsed(text, schema as ParameterSchema);
    if (!Value.Check(schema, value)) {
      const detail = `Expected ${expected(schema as ParameterSchema)} for \`${name}\` but received ${received(text)}.`;
      throw new AppError('BAD_REQUEST', { detail });
    }
    options[name] = value;
  }
  const complete = Value.Parse(EmbeddingOptions, Value.Clean(EmbeddingOptions, withPreset(options)));
  if (complete.space === 'w' && complete.editability) {
    const detail = 'Expected `editability` to be 0 with the `space` w: the prior lies in pn.';
    throw new AppError('BAD_REQUEST', { detail });
  }
  return complete;
}

/** A text in the type that the schema asks for; undefined where it is none of that type. */
function parsed(
  text: string,
  { type, enum: values }: ParameterSchema,
): number | boolean | string | undefined {
  if (values?.includes(text)) return text;
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : undefined);
  return number(text);
}

/** A decimal number; `Number` alone would also take '', '0x10' and 'Infinity'. */
const number = (text: string): number | undefined =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : undefined;

function formError(error: unknown, index: number, { maxUploadBytes, maxPhotos }: UploadLimits): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_REQ_FILE_TOO_LARGE': {
      const detail = `Photo ${index + 1} is larger than ${Math.floor(maxUploadBytes / 1024 / 1024)} MiB.`;
      return new AppError('IMAGE_TOO_LARGE', { detail, extra: { index }, cause: error });
    }
    case 'FST_FILES_LIMIT':
      return new AppError('PAYLOAD_TOO_LARGE', {
        detail: `Expected at most ${maxPhotos} photos in one request.`,
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
