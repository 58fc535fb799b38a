/** The examples of an OpenAPI document, and the requests that they make. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  examples?: unknown[];
  example?: unknown;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  minItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Parameter {
  in: 'path' | 'query' | 'header';
  name: string;
  required?: boolean;
  example?: unknown;
  schema: Schema;
}
export interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}
export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface ExampleRequest {
  /** What it has beside the least that is needed; for titles and messages. */
  title: string;
  method: string;
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  contentType: string | undefined;
  /** Members of a form or of JSON, or `FILE`. */
  body: unknown;
}

export class NoExample extends Error {}

/** Stands for the bytes of a file. */
export const FILE = Symbol('file');

export class Examples {
  constructor(private readonly document: Document) {}

  /** Every operation with its method and path. */
  operations(): { id: string; method: string; path: string; operation: Operation }[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        operation,
      })),
    );
  }

  /** A value that the schema documents; throws NoExample with the place where one is missing. */
  of(schema: Schema, where: string): unknown {
    const { $ref, enum: values, anyOf, oneOf, allOf, type } = schema;
    if ($ref !== undefined) {
      const name = $ref.slice('#/components/schemas/'.length);
      return this.of(this.document.components.schemas[name]!, name);
    }
    if (schema.examples) return schema.examples[0];
    for (const key of ['example', 'default', 'const'] as const) if (key in schema) return schema[key];
    if (values) return values[0];
    const first = (anyOf ?? oneOf)?.[0];
    if (first) return this.of(first, where);
    if (allOf) return Object.assign({}, ...allOf.map((one) => this.of(one, where)));
    if (schema.format === 'binary') return FILE;
    if (type === 'boolean') return true;
    if (type === 'null') return null;
    if (type === 'array') {
      const length = schema.minItems || 1;
      return Array(length).fill(this.of(schema.items ?? {}, `${where}[]`));
    }
    if (schema.properties) {
      const named = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
      return Object.fromEntries(
        named.map(([name, property]) => [name, this.of(property, `${where}.${name}`)]),
      );
    }
    throw new NoExample(`${where} has no example: give its schema \`examples: [...]\`.`);
  }

  /** The least request that the operation takes, and one more with each optional parameter and member of the body. */
  requests(id: string): ExampleRequest[] {
    const { operation, method } = this.operations().find((one) => one.id === id)!;
    const { parameters = [], requestBody } = operation;
    const [contentType, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
    const schema = content && (content.schema ?? { format: 'binary' });
    const value = ({ name, example, schema }: Parameter): string =>
      String(example ?? this.of(schema, `${id}, parameter ${name}`));
    const isNeeded = (one: Parameter): boolean => one.required === true && !('default' in one.schema);
    const valuesIn = (place: Parameter['in']): Record<string, string> =>
      Object.fromEntries(
        parameters.filter((one) => one.in === place && isNeeded(one)).map((one) => [one.name, value(one)]),
      );
    const least: ExampleRequest = {
      title: 'the least',
      method,
      path: valuesIn('path'),
      query: valuesIn('query'),
      headers: valuesIn('header'),
      contentType,
      body: schema && this.of(schema, `${id}, body`),
    };
    const members = typeof least.body === 'object' ? { ...least.body } : {};
    const withParameter = parameters
      .filter((one) => !isNeeded(one))
      .map((one) => {
        const place = one.in === 'header' ? 'headers' : one.in;
        return { ...least, title: one.name, [place]: { ...least[place], [one.name]: value(one) } };
      });
    const withMember = Object.entries(schema?.properties ?? {})
      .filter(([name]) => !(name in members))
      .map(([name, property]) => ({
        ...least,
        title: name,
        body: { ...members, [name]: this.of(property, `${id}, body.${name}`) },
      }));
    return [least, ...withParameter, ...withMember];
  }
}

/** The example as a request of HTTP. `file` stands where the example has one. */
export function requestOf(example: ExampleRequest, path: string, file: Blob): Request {
  const { method, contentType, body } = example;
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(example.path[name]!));
  const url = `http://localhost${filled}?${new URLSearchParams(example.query)}`;
  const headers = new Headers(example.headers);
  if (contentType === undefined) return new Request(url, { method, headers });
  if (contentType !== 'multipart/form-data') {
    headers.set('content-type', contentType);
    return new Request(url, { method, headers, body: body === FILE ? file : JSON.stringify(body) });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(body as object))
    for (const one of [value].flat()) form.append(name, one === FILE ? file : String(one));
  return new Request(url, { method, headers, body: form });
}
