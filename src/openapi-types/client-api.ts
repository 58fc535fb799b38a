/** The text of `clients/typescript/src/api.ts`, out of an OpenAPI 3.1 document. */
import { operationTexts, type Paths } from './operations.js';
import { type Schema, SchemaTypes } from './schema-type.js';

export interface OpenApi {
  openapi: string;
  components?: { schemas?: Readonly<Record<string, Schema>> };
  paths: Paths;
}

const HEADER =
  '// Generated from openapi.yaml by `npm run client`; edit the route schemas of the service and run it again.';

const SHAPE = `/** How an operation is asked for. */
export interface OperationShape {
  readonly method: string;
  /** With \`{name}\` for each parameter in it. */
  readonly path: string;
  /** Media types of the body, the usual one first. */
  readonly contentTypes?: readonly string[];
  /** A repetition with the same key acts once. */
  readonly takesIdempotencyKey?: boolean;
  /** Statuses that are no problem. */
  readonly answers: readonly number[];
}`;

/** Throws on whatever of the document it has no type for. */
export function clientApi({ openapi, components, paths }: OpenApi): string {
  if (!openapi.startsWith('3.1.')) throw new Error(`Expected OpenAPI 3.1 but received ${openapi}.`);
  const types = new SchemaTypes(components?.schemas ?? {});
  const operations = operationTexts(paths, types);
  return `${[
    HEADER,
    '/** Bytes to send. A `Buffer` is a `Uint8Array`, a `File` is a `Blob`. */\nexport type Binary = Blob | ArrayBuffer | Uint8Array;',
    ...types.declarations(),
    `/** Every operation: what it takes, and what it answers by status. */\nexport interface Operations {\n${operations.map(({ type }) => type).join('\n')}\n}`,
    SHAPE,
    `export const OPERATIONS: { readonly [Id in keyof Operations]: OperationShape } = {\n${operations.map(({ row }) => row).join('\n')}\n};`,
  ].join('\n\n')}\n`;
}
