/** The service's HTTP API as the demo uses it. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { EmbeddingOptions, EmbeddingRecord, MorphMode } from '../contracts.js';

/** The parts of an embedding's public form that the demo shows. */
export type PublicEmbedding = Pick<
  EmbeddingRecord,
  'id' | 'state' | 'progress' | 'quality' | 'seconds' | 'error' | 'losses'
>;

export interface MorphQuery {
  a: string;
  b: string;
  lambda: number;
  mode: MorphMode;
  crossover?: number;
}

export class Client {
  constructor(private readonly url: string) {}

  /** Posts one photo; answers with its id. */
  async embed(path: string, options: Partial<EmbeddingOptions>): Promise<string> {
    const form = new FormData();
    for (const [name, value] of Object.entries(options)) form.set(name, String(value));
    form.set('image', new Blob([await readFile(path)]), basename(path));
    const response = await this.request('/embeddings', { method: 'POST', body: form });
    const id = response.headers.get('location')?.split('/').at(-1);
    if (!id) throw new Error('The service accepted the photo but named no embedding.');
    return id;
  }

  async embedding(id: string): Promise<PublicEmbedding> {
    return (await (await this.request(`/embeddings/${id}`)).json()) as PublicEmbedding;
  }

  image(id: string, kind: 'original' | 'aligned' | 'reconstruction'): Promise<Uint8Array> {
    return this.bytes(`/embeddings/${id}/image?kind=${kind}`);
  }

  morph(query: MorphQuery): Promise<Uint8Array> {
    return this.bytes(morphPath(query));
  }

  private async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.request(path)).arrayBuffer());
  }

  private async request(path: string, init?: RequestInit): Promise<Response> {
    const response = await fetch(this.url + path, init);
    if (!response.ok)
      throw new Error(`${path.split('?')[0]} answered ${response.status}: ${await response.text()}`);
    return response;
  }
}

export function morphPath({ a, b, lambda, mode, crossover }: MorphQuery): string {
  const query = new URLSearchParams({ a, b, lambda: String(lambda), mode });
  if (crossover !== undefined) query.set('crossover', String(crossover));
  return `/morph?${query}`;
}
