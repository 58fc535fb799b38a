/** The service as an object. Runs on Node 20 and in browsers; a key belongs on a server. */
import { type Binary, type Embedding, OPERATIONS } from './api.js';
import { LatentmorphError } from './error.js';
import { type EmbeddingEvent, embeddingEvents, type OpenStream, type Progress } from './events.js';
import {
  type Answer,
  type AnyRequest,
  bodyOf,
  dataOf,
  type OperationId,
  pathOf,
  type RequestOf,
} from './request.js';
import { send, type Transport } from './transport.js';

export type { Binary, Embedding, Operations, Problem } from './api.js';
export { type ErrorCode, LatentmorphError } from './error.js';
export type { EmbeddingEvent, Progress } from './events.js';
export type { Answer, OperationId, RequestOf } from './request.js';

export interface LatentmorphOptions {
  /** Address of the service, such as `https://faces.example.com`; a path in it is kept. */
  baseUrl: string;
  /** API key; none for a service that asks for none. */
  key?: string;
  fetch?: typeof fetch;
  /** Most times that a request is sent again, 4 when left out. */
  retries?: number;
}

export interface CallOptions {
  /** Ends the call, which then throws the signal's reason. */
  signal?: AbortSignal;
}
export interface UploadCallOptions extends CallOptions {
  /** Made for each call when left out, so that its repetitions act once. */
  idempotencyKey?: string;
}
export interface WaitOptions extends UploadCallOptions {
  onProgress?: (progress: Progress) => void;
}

/** Fields of the form beside the photos; for those that change what is answered there is `request`. */
export type EmbeddingOptions = Omit<RequestOf<'createEmbeddings'>['body'], 'image' | 'latent' | 'partial'>;
export type ListFilter = NonNullable<RequestOf<'listEmbeddings'>['query']>;
export type MorphParameters = RequestOf<'getMorph'>['query'];
export type ImageParameters = RequestOf<'getEmbeddingImage'>['query'];
export type SignOptions = CallOptions & Partial<Omit<RequestOf<'createSignedUrl'>['body'], 'url'>>;

/** No arguments where an operation needs none. */
type Arguments<Id extends OperationId> =
  Record<never, never> extends RequestOf<Id>
    ? [request?: RequestOf<Id> & CallOptions]
    : [request: RequestOf<Id> & CallOptions];

/** Seconds of one answer to `Prefer: wait`. */
const WAIT = 30;

export class Latentmorph {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #transport: Transport;

  constructor({ baseUrl, key, fetch = globalThis.fetch, retries = 4 }: LatentmorphOptions) {
    this.#base = new URL(baseUrl).href.replace(/\/+$/, '');
    this.#key = key;
    // In a browser `fetch` wants to be called on its window.
    this.#transport = { fetch: (...request) => fetch(...request), retries };
  }

  /** Any operation of the service by its name. Throws LatentmorphError. */
  async request<Id extends OperationId>(id: Id, ...[request = {}]: Arguments<Id>): Promise<Answer<Id>> {
    return this.#send(id, request as AnyRequest & CallOptions, async (response) => {
      const { status, headers } = response;
      return { status, headers, data: await dataOf(response) } as unknown as Answer<Id>;
    });
  }

  /** Address of an operation that is asked for with GET. It needs the key all the same. */
  url<Id extends OperationId>(id: Id, request: RequestOf<Id>): string {
    return this.#base + pathOf(id, request as AnyRequest);
  }

  /** Posts a photo; the answer comes while it still waits. */
  async embed(
    photo: Binary,
    options: EmbeddingOptions = {},
    call: UploadCallOptions = {},
  ): Promise<Embedding> {
    return (await this.embedMany([photo], options, call))[0]!;
  }

  /** Posts several photos in one request: all of them or none. */
  async embedMany(
    photos: readonly Binary[],
    options: EmbeddingOptions = {},
    { signal, idempotencyKey = newKey() }: UploadCallOptions = {},
  ): Promise<Embedding[]> {
    const { status, data } = await this.request('createEmbeddings', {
      headers: { 'idempotency-key': idempotencyKey },
      body: { ...options, image: [...photos] },
      signal,
    });
    if ('embeddings' in data) return data.embeddings;
    if ('id' in data) return [data];
    throw new LatentmorphError('UNEXPECTED_ANSWER', 'Expected embeddings but received something else.', {
      status,
    });
  }

  /** Posts a photo and follows it to its end. Throws its error where it did not succeed. */
  async embedAndWait(
    photo: Binary,
    options: EmbeddingOptions = {},
    call: WaitOptions = {},
  ): Promise<Embedding> {
    const { id } = await this.embed(photo, options, call);
    return this.wait(id, call);
  }

  /** The embedding once it has succeeded. Throws its error where it has not. */
  async wait(id: string, { signal, onProgress }: WaitOptions = {}): Promise<Embedding> {
    const embedding =
      (await this.#follow(id, { signal, onProgress })) ?? (await this.#poll(id, { signal, onProgress }));
    if (embedding.state === 'succeeded') return embedding;
    const { code, status, title, detail } = embedding.error ?? {
      code: 'EMBEDDING_NOT_READY',
      status: 409,
      title: `The embedding is ${embedding.state}.`,
    };
    throw new LatentmorphError(code as LatentmorphError['code'], detail ?? title, { status, detail });
  }

  /** State, progress, previews and result as they come; goes on after lost connections, and ends with the result. */
  events(id: string, { signal }: CallOptions = {}): AsyncGenerator<EmbeddingEvent> {
    const open: OpenStream = (last, end) => {
      const headers = { 'last-event-id': last };
      return this.#send('getEmbeddingEvents', { path: { id }, headers, signal: end }, async (response) =>
        response.status === 204 ? undefined : response,
      );
    };
    return embeddingEvents(open, { signal });
  }

  async get(id: string, call: CallOptions = {}): Promise<Embedding> {
    return (await this.request('getEmbedding', { path: { id }, ...call })).data;
  }

  /** All embeddings that fit, the newest first, page after page as they are asked for. */
  async *list(query: ListFilter = {}, call: CallOptions = {}): AsyncGenerator<Embedding> {
    let cursor = query.cursor;
    do {
      const { data } = await this.request('listEmbeddings', { query: { ...query, cursor }, ...call });
      yield* data.embeddings;
      cursor = data.next;
    } while (cursor !== undefined);
  }

  /** Stops an embedding and keeps what is known of it. */
  async cancel(id: string, call: CallOptions = {}): Promise<Embedding> {
    return (await this.request('cancelEmbedding', { path: { id }, ...call })).data;
  }

  /** Deletes an embedding with its images and every morph made from it. */
  async delete(id: string, call: CallOptions = {}): Promise<void> {
    try {
      await this.request('deleteEmbedding', { path: { id }, ...call });
    } catch (error) {
      // The answer to the first request was lost, and with it the embedding.
      const isGone =
        error instanceof LatentmorphError && error.code === 'EMBEDDING_NOT_FOUND' && error.attempts > 1;
      if (!isGone) throw error;
    }
  }

  /** The image between two embeddings. */
  async morph(query: MorphParameters, call: CallOptions = {}): Promise<Uint8Array> {
    return (await this.request('getMorph', { query, ...call })).data;
  }

  /** Its address. It needs the key all the same: see `signedMorphUrl`. */
  morphUrl(query: MorphParameters): string {
    return this.url('getMorph', { query });
  }

  /** Its address for a browser, valid without a key for a while. */
  async signedMorphUrl(query: MorphParameters, options: SignOptions = {}): Promise<string> {
    return (await this.signUrls([this.morphUrl(query)], options))[0]!;
  }

  /** An image of an embedding. */
  async image(id: string, query: ImageParameters, call: CallOptions = {}): Promise<Uint8Array> {
    return (await this.request('getEmbeddingImage', { path: { id }, query, ...call })).data;
  }

  imageUrl(id: string, query: ImageParameters): string {
    return this.url('getEmbeddingImage', { path: { id }, query });
  }

  /** Addresses of images, as `morphUrl` and `imageUrl` make them, for a browser; `expiresIn` seconds, an hour when left out. */
  signUrls(urls: readonly string[], { signal, ...options }: SignOptions = {}): Promise<string[]> {
    return Promise.all(
      urls.map(async (url) => {
        const path = url.startsWith(this.#base) ? url.slice(this.#base.length) : url;
        const { data } = await this.request('createSignedUrl', { body: { ...options, url: path }, signal });
        return this.#base + data.url;
      }),
    );
  }

  /** The finished embedding by its events; undefined where those do not come through. */
  async #follow(id: string, { signal, onProgress }: WaitOptions): Promise<Embedding | undefined> {
    try {
      for await (const event of this.events(id, { signal })) {
        if (event.type === 'progress') onProgress?.(event.progress);
        if (event.type === 'result') return event.embedding;
      }
      return undefined;
    } catch (error) {
      const isInBetween =
        error instanceof LatentmorphError && ['NO_ANSWER', 'UNEXPECTED_ANSWER'].includes(error.code);
      if (isInBetween) return undefined;
      throw error;
    }
  }

  async #poll(id: string, { signal, onProgress }: WaitOptions): Promise<Embedding> {
    for (;;) {
      const headers = { prefer: `wait=${WAIT}` };
      const { data } = await this.request('getEmbedding', { path: { id }, headers, signal });
      if (data.progress) onProgress?.(data.progress);
      if (data.state !== 'queued' && data.state !== 'running') return data;
    }
  }

  #send<T>(
    id: OperationId,
    request: AnyRequest & CallOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const { method, takesIdempotencyKey, answers } = OPERATIONS[id];
    const { body, type } = bodyOf(id, request);
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers ?? {}))
      if (value !== undefined) headers.set(name, String(value));
    if (takesIdempotencyKey && !headers.has('idempotency-key')) headers.set('idempotency-key', newKey());
    if (type) headers.set('content-type', type);
    if (this.#key) headers.set('authorization', `Bearer ${this.#key}`);
    const isRepeatable = !['POST', 'PATCH'].includes(method) || takesIdempotencyKey === true;
    const url = this.#base + pathOf(id, request);
    const { signal } = request;
    return send(this.#transport, { method, url, headers, body, isRepeatable, answers, signal }, read);
  }
}

/** 128 random bits. `crypto.randomUUID` is missing from pages without TLS. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
