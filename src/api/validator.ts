/** How parts of requests are checked against their schemas, and how these are shown to clients. */
import AjvCompiler, { type BuildCompilerFromPool } from '@fastify/ajv-compiler';
import type { FastifySchema } from 'fastify';

const OPTIONS = {
  useDefaults: true,
  removeAdditional: false as const,
  verbose: true,
  // Strict numbers skip the range check of a coerced 'Infinity' instead of refusing it; every number has a range.
  strictNumbers: false,
};

const build = AjvCompiler();

/** Parameters are texts, from which numbers and truth values are read. JSON has types of its own: null is no empty text. */
export const buildValidator: BuildCompilerFromPool = (schemas) => {
  const texts = build(schemas, { customOptions: { ...OPTIONS, coerceTypes: true } });
  const json = build(schemas, { customOptions: { ...OPTIONS, coerceTypes: false } });
  return (route) => (isBody(route) ? json : texts)(route);
};

/** The compiler is given the schema with the part of the request that it is for. */
const isBody = (route: unknown): boolean => (route as { httpPart?: string }).httpPart === 'body';

/** What has a default is filled in before it could be missed: clients may leave it out. */
export function withoutDefaults(schema: FastifySchema): FastifySchema {
  const { querystring, body, ...rest } = schema;
  return {
    ...rest,
    ...(querystring !== undefined && { querystring: optional(querystring) }),
    ...(body !== undefined && { body: optional(body) }),
  };
}

interface ObjectSchema {
  required?: readonly string[];
  properties?: Readonly<Record<string, object>>;
}

function optional(schema: unknown): unknown {
  const { required, properties } = schema as ObjectSchema;
  if (!required || !properties) return schema;
  return {
    ...(schema as object),
    required: required.filter((name) => !('default' in (properties[name] ?? {}))),
  };
}
