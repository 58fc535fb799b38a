/** The text fields of `POST /embeddings`: one table of schemas, from which they are documented, recognised and parsed. */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EmbeddingOptions } from '../contracts.js';
import { AppError } from '../errors.js';
import type { FaceChoice } from '../face-choice.js';
import { withPreset } from '../models/stylegan/presets.js';
import { MAX_LABELS, RequestTags } from '../request-tags.js';
import { expected, type ParameterSchema, received } from './expected.js';
import { RETENTION, retentionOf } from './retention.js';

/** What is asked of a request beside options and tags. */
const RequestFields = Type.Object({
  face: Type.Optional(
    Type.String({
      pattern: '^(largest|all|[0-9]{1,2})$',
      default: 'largest',
      description:
        'Which faces are embedded: `largest`, the index of one in the list of `POST /faces`, or `all`, each as an embedding of its own.',
      examples: ['1'],
    }),
  ),
  retention: Type.Optional(
    Type.String({
      pattern: RETENTION,
      description:
        'How long it is kept, from PT1M to P3650D, as an ISO 8601 duration in days, hours and minutes, or `none`: until it is deleted; without it, as the operator has set, who may also set how long is allowed. Then everything of it is deleted.',
      examples: ['P30D'],
    }),
  ),
  partial: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        'True: photos that can be embedded are accepted, whatever is wrong with others, and the answer tells about each. False: all or none.',
    }),
  ),
  generator: Type.Optional(
    Type.String({
      pattern: '^[^:\\p{C}]{1,100}:[0-9A-Za-z]{1,128}$',
      description:
        'Only with `latent`: generator whose W+ it lies in, as `name:hash`; needed where the file does not tell.',
      examples: [`mobilestylegan-ffhq-1024:${'0'.repeat(64)}`],
    }),
  ),
});
type RequestFields = Static<typeof RequestFields>;

export const UPLOAD_FIELDS = {
  ...EmbeddingOptions.properties,
  ...RequestTags.properties,
  ...RequestFields.properties,
};
type FieldName = keyof typeof UPLOAD_FIELDS;
export const UPLOAD_FIELD_NAMES = Object.keys(UPLOAD_FIELDS) as FieldName[];

/** In words, where the schema alone says too little. */
const EXPECTED: Partial<Record<FieldName, string>> = {
  labels: `1 to ${MAX_LABELS} different labels of 1 to 64 printable characters, separated by commas,`,
  reference: 'a text of 1 to 200 printable characters',
  face: '`largest`, `all` or an index from 0 to 99',
  retention: 'a duration from PT1M to P3650D, such as P30D or PT12H, or none',
  generator: '`name:hash`, as the export of a latent tells it,',
};

export interface UploadFields {
  options: EmbeddingOptions;
  tags: RequestTags;
  face: FaceChoice;
  partial: boolean;
  generator: string | undefined;
  /** Seconds; undefined: as configured. */
  retention: number | undefined;
}

/** Typed values of text fields. Throws BAD_REQUEST that names the field. */
export function parseFields(fields: ReadonlyMap<string, string>): UploadFields {
  const values = Object.fromEntries([...fields].map(([name, text]) => [name, fieldValue(name, text)]));
  // In the order of the schema, whatever that of the form: the same request is then the same text.
  const pick = ({ properties }: { properties: object }): Record<string, unknown> =>
    Object.fromEntries(
      Object.keys(properties).flatMap((name) => (Object.hasOwn(values, name) ? [[name, values[name]]] : [])),
    );
  const { face = 'largest', partial = false, generator, retention } = pick(RequestFields) as RequestFields;
  return {
    options: complete(pick(EmbeddingOptions)),
    tags: pick(RequestTags) as RequestTags,
    face: face === 'largest' || face === 'all' ? face : Number(face),
    partial,
    generator,
    retention: retention === undefined ? undefined : retentionOf(retention),
  };
}

/** Typed options of text fields, completed by their preset. Throws BAD_REQUEST that names the field. */
export const parseOptions = (fields: ReadonlyMap<string, string>): EmbeddingOptions =>
  parseFields(fields).options;

export const isOption = (name: string): boolean => Object.hasOwn(EmbeddingOptions.properties, name);

function complete(given: Record<string, unknown>): EmbeddingOptions {
  const options = Value.Parse(EmbeddingOptions, Value.Clean(EmbeddingOptions, withPreset(given)));
  if (options.space === 'w' && options.editability) {
    const detail = 'Expected `editability` to be 0 with the `space` w: the prior lies in pn.';
    throw new AppError('BAD_REQUEST', { detail });
  }
  return options;
}

function fieldValue(name: string, text: string): unknown {
  const schema = UPLOAD_FIELDS[name as FieldName];
  const value = typed(text, schema as ParameterSchema);
  if (Value.Check(schema, value)) return value;
  const wanted = EXPECTED[name as FieldName] ?? expected(schema as ParameterSchema);
  const detail = `Expected ${wanted} for \`${name}\` but received ${received(text)}.`;
  throw new AppError('BAD_REQUEST', { detail });
}

/** A text in the type that the schema asks for; undefined where it is none of that type. */
function typed(text: string, { type, enum: values }: ParameterSchema): unknown {
  if (values?.includes(text)) return text;
  switch (type) {
    case 'boolean':
      return text === 'true' || (text === 'false' ? false : undefined);
    case 'string':
      return text;
    case 'array':
      return text.split(',').map((one) => one.trim());
    default:
      return number(text);
  }
}

/** A decimal number; `Number` alone would also take '', '0x10' and 'Infinity'. */
const number = (text: string): number | undefined =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : undefined;
