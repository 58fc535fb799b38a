import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { clientApi, type OpenApi } from '../../../src/openapi-types/client-api.js';
import { type Schema, SchemaTypes } from '../../../src/openapi-types/schema-type.js';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('clients/typescript/src/api.ts is what openapi.yaml says; otherwise run `npm run build && npm run client`', async () => {
  const document = parse(await read('openapi.yaml')) as OpenApi;
  expect(await read('clients/typescript/src/api.ts')).toBe(clientApi(document));
});

const components = {
  Point: { type: 'object', required: ['x'], properties: { x: { type: 'number', default: 0 } } },
  Tree: { type: 'object', properties: { left: { $ref: '#/components/schemas/Tree' } } },
};
const types = new SchemaTypes(components);
const flat = (schema: Schema, position: 'request' | 'answer' = 'answer'): string =>
  types.text(schema, position, 'S').replace(/\s+/g, ' ');

describe('the type of a schema', () => {
  test.each<[Schema, string]>([
    [{ type: 'string', minLength: 1, pattern: '^a', format: 'date-time' }, 'string'],
    [{ type: 'integer', minimum: 0 }, 'number'],
    [{ type: 'boolean' }, 'boolean'],
    [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
    [{ type: 'string', const: 'a' }, '"a"'],
    [{ type: ['string', 'null'] }, 'string | null'],
    [{ type: 'string', nullable: true }, 'string | null'],
    [{ type: 'array', items: { enum: ['a', 'b'] } }, '("a" | "b")[]'],
    [
      {
        type: 'array',
        items: { anyOf: [{ type: 'object', properties: { a: { type: 'null' } } }, { type: 'number' }] },
      },
      '({ a?: null; } | number)[]',
    ],
    [{ type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 }, '[number, number]'],
    [{ type: 'array', items: { type: 'number' }, minItems: 16, maxItems: 16 }, 'number[]'],
    [{ type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] }, '[string, number]'],
    [{ oneOf: [{ type: 'string' }, { $ref: '#/components/schemas/Point' }] }, 'string | Point'],
    [{ allOf: [{ enum: ['a', 'b'] }, { $ref: '#/components/schemas/Point' }] }, '("a" | "b") & Point'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, '{ [member: string]: number; }'],
    [{ type: 'object', patternProperties: { '^.*$': { enum: [1, 2] } } }, '{ [member: string]: 1 | 2; }'],
    [{ type: 'object' }, '{ [member: string]: unknown; }'],
    [{ type: 'object', properties: {}, additionalProperties: false }, 'Record<string, never>'],
    [
      { type: 'object', required: ['a-b'], properties: { 'a-b': { type: 'string' }, c: {} } },
      '{ "a-b": string; c?: unknown; }',
    ],
    [{ type: 'string', format: 'binary' }, 'Uint8Array'],
  ])('%j', (schema, text) => {
    expect(flat(schema)).toBe(text);
  });

  test('in a request leaves out what has a default, and takes bytes in every form', () => {
    const schema = {
      type: 'object',
      required: ['n', 'image', 'p'],
      properties: {
        n: { type: 'integer', default: 7, description: 'How many */ there are.' },
        image: { type: 'string', format: 'binary' },
        p: { $ref: '#/components/schemas/Point' },
      },
    };
    expect(flat(schema, 'request')).toBe(
      '{ /** How many * / there are. Default: 7. */ n?: number; image: Binary; p: PointInput; }',
    );
  });

  test('is declared once more where a request refers to it and it looks different there', () => {
    const declared = (references: string[]): string[] => {
      const fresh = new SchemaTypes({
        ...components,
        Line: { type: 'object', properties: { from: { $ref: '#/components/schemas/Point' } } },
      });
      for (const name of references) fresh.text({ $ref: `#/components/schemas/${name}` }, 'request');
      return fresh.declarations().flatMap((text) => /export type (\w+Input)/.exec(text)?.[1] ?? []);
    };
    expect(declared([])).toEqual([]);
    expect(declared(['Tree'])).toEqual([]);
    expect(declared(['Line'])).toEqual(['LineInput', 'PointInput']);
  });

  test.each<[Schema, string]>([
    [{ not: {} }, "The keyword 'not' of the schema S is not known."],
    [{ type: 'object', properties: { a: { if: {} } } }, "The keyword 'if' of the schema S/a is not known."],
    [{ type: 'tuple' }, "The type 'tuple' of the schema S is not known."],
    [{ $ref: '#/components/schemas/Nothing' }, "The reference '#/components/schemas/Nothing'"],
    [{ $ref: 'other.yaml#/Point' }, "The reference 'other.yaml#/Point'"],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' } },
        additionalProperties: { type: 'number' },
      },
      'has properties beside typed other ones',
    ],
  ])('is refused: %j', (schema, message) => {
    expect(() => flat(schema)).toThrow(message);
  });
});

describe('an operation', () => {
  const ok = { 200: { description: 'Fine.', content: { 'application/json': { schema: {} } } } };
  const api = (operation: object, method = 'get'): string =>
    clientApi({
      openapi: '3.1.0',
      paths: { '/things/{id}': { [method]: { operationId: 'doThing', responses: ok, ...operation } } },
    } as unknown as OpenApi).replace(/\s+/g, ' ');

  test('has parameters by their place, several kinds of bodies, and an answer for each status', () => {
    const text = api(
      {
        parameters: [
          { in: 'path', name: 'id', required: true, schema: { type: 'string' } },
          { in: 'query', name: 'n', required: true, schema: { type: 'integer', default: 1 } },
          { in: 'header', name: 'idempotency-key', schema: { type: 'string' } },
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { type: 'object', properties: { a: { type: 'string' } } } },
            'application/octet-stream': {},
          },
        },
        responses: {
          ...ok,
          204: { description: 'Nothing.' },
          304: { description: 'Known.' },
          404: { description: 'No.', content: { 'application/problem+json': { schema: {} } } },
          206: {
            description: 'Either.',
            content: { 'image/png': { schema: { type: 'string', format: 'binary' } }, 'text/plain': {} },
          },
          503: { description: 'Ill.', content: { 'application/json': { schema: { type: 'null' } } } },
        },
      },
      'post',
    );
    expect(text).toContain('path: { id: string; };');
    expect(text).toContain('query?: { /** Default: 1. */ n?: number; };');
    expect(text).toContain('headers?: { "idempotency-key"?: string; };');
    expect(text).toContain(
      '& ({ contentType: "application/json"; body: { a?: string; } } | { contentType: "application/octet-stream"; body: Binary })',
    );
    expect(text).toContain('answers: { 200: unknown; 204: undefined; 206: Uint8Array | string; 503: null; }');
    expect(text).toContain('"takesIdempotencyKey":true,"answers":[200,204,206,503]');
  });

  test.each<[object, string, string]>([
    [{ operationId: undefined }, 'get', 'GET /things/{id} has no operationId.'],
    [{ callbacks: {} }, 'get', "GET /things/{id}: 'callbacks' is not known."],
    [{ parameters: [{ in: 'cookie', name: 'a', schema: {} }] }, 'get', "parameters in 'cookie'"],
    [{ parameters: [{ in: 'query', name: 'a', style: 'form' }] }, 'get', "parameter a: 'style' is not known"],
    [{ responses: { default: { description: '' } } }, 'get', "an answer to the status 'default'"],
    [
      { requestBody: { content: { 'application/xml': { schema: { type: 'object' } } } } },
      'put',
      'a body of application/xml that is not binary',
    ],
    [{}, 'trace', 'The method of TRACE /things/{id}'],
  ])('is refused: %j', (operation, method, message) => {
    expect(() => api(operation, method)).toThrow(message);
  });
});
