/** The operations of an OpenAPI document: what each takes and answers, as types and as a table. */
import { comment, propertyName, type Schema, type SchemaTypes } from './schema-type.js';

/** An operation as the document has it. */
interface Described {
  operationId?: string;
  summary?: string;
  parameters?: readonly Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Readonly<Record<string, { content?: Content }>>;
}
interface Parameter {
  in: string;
  name: string;
  required?: boolean;
  description?: string;
  schema: Schema;
}
type Content = Readonly<Record<string, { schema?: Schema }>>;
export type Paths = Readonly<Record<string, Readonly<Record<string, Described>>>>;

export interface OperationTexts {
  id: string;
  /** Member of the interface of all operations. */
  type: string;
  /** Row of the table of all operations. */
  row: string;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head'];
const OPERATION_KEYS =
  'operationId summary description tags parameters requestBody responses security deprecated';
const PARAMETER_KEYS = 'in name required description schema example examples deprecated';
const PLACES = { path: 'path', query: 'query', header: 'headers' } as const;
const PROBLEM = 'application/problem+json';

/** Throws on what it does not know. */
export function operationTexts(paths: Paths, types: SchemaTypes): OperationTexts[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const where = `${method.toUpperCase()} ${path}`;
      if (!METHODS.includes(method)) throw new Error(`The method of ${where} is not known.`);
      onlyKeys(operation, OPERATION_KEYS, where);
      const { operationId: id } = operation;
      if (!id) throw new Error(`${where} has no operationId.`);
      const request = requestText(operation, types, where);
      const answers = answersOf(operation, types, where);
      const answerLines = answers.map(({ status, type }) => `      ${status}: ${type};`);
      return {
        id,
        type: [
          `${comment({ description: operation.summary }, '  ')}  ${propertyName(id)}: {`,
          `    request: ${request};`,
          `    answers: {\n${answerLines.join('\n')}\n    };`,
          '  };',
        ].join('\n'),
        row: rowOf(operation, method, path, answers),
      };
    }),
  );
}

function requestText(operation: Described, types: SchemaTypes, where: string): string {
  const { parameters = [], requestBody } = operation;
  const places = new Map<string, string[]>();
  const needed = new Set<string>();
  for (const parameter of parameters) {
    onlyKeys(parameter, PARAMETER_KEYS, `${where}, parameter ${parameter.name}`);
    const place = PLACES[parameter.in as keyof typeof PLACES];
    if (!place) throw new Error(`${where}: parameters in '${parameter.in}' are not known.`);
    const { name, schema, description } = parameter;
    const isRequired = parameter.required === true && !('default' in schema);
    if (isRequired) needed.add(place);
    const type = types.text(schema, 'request', `${where} ${name}`, '        ');
    const line = `        ${propertyName(name)}${isRequired ? '' : '?'}: ${type};`;
    const text = comment({ description, default: schema.default }, '        ') + line;
    places.set(place, [...(places.get(place) ?? []), text]);
  }
  const members = [...places].map(
    ([place, lines]) => `      ${place}${needed.has(place) ? '' : '?'}: {\n${lines.join('\n')}\n      };`,
  );
  const bodies = Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => ({
    type,
    body: mediaText(type, schema, 'request', types, where),
  }));
  const optional = requestBody?.required === true ? '' : '?';
  const [only, ...others] = bodies;
  if (only && others.length === 0) members.push(`      body${optional}: ${only.body};`);
  const own = members.length === 0 ? 'Record<never, never>' : `{\n${members.join('\n')}\n    }`;
  if (others.length === 0) return own;
  const choices = bodies.map(
    ({ type, body }) => `{ contentType: ${JSON.stringify(type)}; body${optional}: ${body} }`,
  );
  return `${own} & (${choices.join(' | ')})`;
}

interface AnswerText {
  status: number;
  type: string;
}

/** What is no problem document: every 2xx, and whatever else has content of its own. */
function answersOf(operation: Described, types: SchemaTypes, where: string): AnswerText[] {
  return Object.entries(operation.responses).flatMap(([name, { content = {} }]) => {
    if (!/^\d{3}$/.test(name)) throw new Error(`${where}: an answer to the status '${name}' is not known.`);
    const status = Number(name);
    const media = Object.entries(content).filter(([type]) => type !== PROBLEM);
    if (media.length === 0 && (status < 200 || status > 299)) return [];
    const texts = media.map(([type, { schema }]) => mediaText(type, schema, 'answer', types, where));
    return [{ status, type: texts.length === 0 ? 'undefined' : [...new Set(texts)].join(' | ') }];
  });
}

/** The type of a body of a media type: how the client reads and writes it is decided by the same names. */
function mediaText(
  type: string,
  schema: Schema | undefined,
  position: 'request' | 'answer',
  types: SchemaTypes,
  where: string,
): string {
  const essence = type.split(';')[0]!.trim();
  if (/^(application\/json|application\/.+\+json)$/.test(essence) || essence === 'multipart/form-data')
    return types.text(schema ?? {}, position, `${where} body`, '      ');
  if (essence === 'text/event-stream' && position === 'answer') return 'ReadableStream<Uint8Array>';
  if (/^(text\/.+|application\/(yaml|x-ndjson))$/.test(essence)) return 'string';
  if (!schema || (schema.type === 'string' && schema.format === 'binary'))
    return position === 'request' ? 'Binary' : 'Uint8Array';
  throw new Error(`${where}: a body of ${essence} that is not binary is not known.`);
}

function rowOf(operation: Described, method: string, path: string, answers: readonly AnswerText[]): string {
  const { parameters = [], requestBody } = operation;
  const row = {
    method: method.toUpperCase(),
    path,
    ...(requestBody && { contentTypes: Object.keys(requestBody.content) }),
    ...(parameters.some(({ name }) => name === 'idempotency-key') && { takesIdempotencyKey: true }),
    answers: answers.map(({ status }) => status),
  };
  return `  ${propertyName(operation.operationId!)}: ${JSON.stringify(row)},`;
}

function onlyKeys(value: object, known: string, where: string): void {
  const other = Object.keys(value).find((key) => !known.split(' ').includes(key));
  if (other) throw new Error(`${where}: '${other}' is not known.`);
}
