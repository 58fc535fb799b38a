/** From an operation's name and parameters to a request, and from the response to a typed answer. */
import { type Binary, OPERATIONS, type Operations } from './api.js';

export type OperationId = keyof Operations;
export type RequestOf<Id extends OperationId> = Operations[Id]['request'];

/** What an operation answers: `status` tells which of its answers `data` is. */
export type Answer<Id extends OperationId> = {
  [Status in keyof Operations[Id]['answers']]: {
    status: Status;
    headers: Headers;
    data: Operations[Id]['answers'][Status];
  };
}[keyof Operations[Id]['answers']];

/** The members that a request may have, whatever its operation. */
export interface AnyRequest {
  path?: Readonly<Record<string, unknown>>;
  query?: Readonly<Record<string, unknown>>;
  headers?: Readonly<Record<string, unknown>>;
  body?: unknown;
  contentType?: string;
}

/** Path and query. Throws TypeError where a parameter of the path is missing. */
export function pathOf(id: OperationId, { path = {}, query = {} }: AnyRequest): string {
  const filled = OPERATIONS[id].path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = path[name];
    if (value === undefined || value === '')
      throw new TypeError(`Expected \`${name}\` for ${id} but received nothing.`);
    return encodeURIComponent(String(value));
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) search.append(name, String(one));
  return search.size === 0 ? filled : `${filled}?${search}`;
}

/** The body with its media type; a form brings its own, with a boundary. */
export function bodyOf(
  id: OperationId,
  { body, contentType }: AnyRequest,
): { body: FormData | Blob | string | undefined; type?: string } {
  const type = contentType ?? OPERATIONS[id].contentTypes?.[0];
  if (body === undefined || type === undefined) return { body: undefined };
  if (type === 'multipart/form-data') return { body: formOf(body as Record<string, unknown>) };
  if (isBinary(body)) return { body: blobOf(body), type };
  return { body: typeof body === 'string' && !/[/+]json$/.test(type) ? body : JSON.stringify(body), type };
}

function formOf(fields: Readonly<Record<string, unknown>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === undefined) continue;
      if (isBinary(one)) form.append(name, blobOf(one), one instanceof File ? one.name : name);
      else form.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one));
    }
  return form;
}

const isBinary = (value: unknown): value is Binary =>
  value instanceof Blob || value instanceof ArrayBuffer || value instanceof Uint8Array;

const blobOf = (bytes: Binary): Blob =>
  bytes instanceof Blob ? bytes : new Blob([bytes as Uint8Array<ArrayBuffer>]);

/** The body of a response in the form that its media type has in the types. */
export async function dataOf(response: Response): Promise<unknown> {
  if (response.status === 204 || response.status === 304) return undefined;
  const type = response.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  if (/[/+]json$/.test(type)) return response.json();
  if (type === 'text/event-stream') return response.body;
  if (/^text\/|^application\/(yaml|x-ndjson)$/.test(type)) return response.text();
  return new Uint8Array(await response.arrayBuffer());
}
