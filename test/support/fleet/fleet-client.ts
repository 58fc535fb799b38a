/** A client of a fleet: posts real portraits that cost little work, and waits for what becomes of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddingState } from '../../../src/contracts.js';
import { portrait } from '../portraits.js';

export interface Seen {
  id: string;
  state: EmbeddingState;
  progress?: { step: number; steps: number };
  error?: { code: string; detail?: string };
  quality?: { steps: number };
}

/** Status and code of an answer that refuses. */
export async function refusal(answer: Response): Promise<[status: number, code: string | undefined]> {
  return [answer.status, ((await answer.json()) as { code?: string }).code];
}

/** What is posted where a test says nothing else: no encoder, cheap steps. */
const CHEAP = { preset: 'draft', start: 'average' };
/** Steps that take a CPU some seconds: time enough to break something meanwhile. */
export const LONG = '24';
const SHORT = '2';
const POLL_MS = 100;

export class FleetClient {
  constructor(private readonly url: string) {}

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, init);
  }

  /** Posts a portrait; the answer may be anything. */
  async post(fields: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
    const body = new FormData();
    for (const [name, value] of Object.entries({ ...CHEAP, steps: SHORT, ...fields })) body.set(name, value);
    body.set('image', new Blob([Uint8Array.from(await portrait('obama'))]), 'photo.jpg');
    return fetch(`${this.url}/embeddings`, { method: 'POST', body, ...init });
  }

  /** Posts a portrait until it is accepted, and tells its id: what was broken just now may be away for a moment. */
  async accepted(fields: Record<string, string> = {}): Promise<string> {
    for (const deadline = performance.now() + 30_000; ; await sleep(POLL_MS)) {
      const answer = await this.post(fields);
      const text = await answer.text();
      if (answer.status === 202) return (JSON.parse(text) as Seen).id;
      if (answer.status !== 503 || performance.now() > deadline)
        throw new Error(`Expected 202 but received ${answer.status}: ${text}`);
    }
  }

  async embedding(id: string): Promise<Seen> {
    const answer = await this.get(`/embeddings/${id}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Expected 200 but received ${answer.status}: ${text}`);
    return JSON.parse(text) as Seen;
  }

  /** Asks until the embedding is as wanted; answers that are refused meanwhile are asked for again. */
  async until(id: string, wanted: (seen: Seen) => boolean, timeoutMs = 300_000): Promise<Seen> {
    let last: unknown;
    for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await sleep(POLL_MS)) {
      try {
        const seen = await this.embedding(id);
        if (wanted(seen)) return seen;
        last = JSON.stringify(seen).slice(0, 300);
      } catch (error) {
        last = error;
      }
    }
    throw new Error(`${id} was not as wanted within ${timeoutMs / 1000} s: ${last}`);
  }

  /** Resolves when the embedding has taken its first steps and has more before it. */
  async underWay(id: string): Promise<void> {
    const isUnderWay = ({ state, progress }: Seen): boolean =>
      state === 'running' ? !!progress?.step : state !== 'queued';
    const { state, error } = await this.until(id, isUnderWay);
    if (state !== 'running')
      throw new Error(`${id} is ${state} before anything could be broken: ${JSON.stringify(error)}`);
  }

  /** Resolves when the embedding has ended, whatever the end. */
  ended(id: string, timeoutMs?: number): Promise<Seen> {
    return this.until(id, ({ state }) => state !== 'queued' && state !== 'running', timeoutMs);
  }

  /** Has a webhook posted to `url`. */
  async hook(url: string): Promise<void> {
    const answer = await this.get('/webhooks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url }),
    });
    if (answer.status !== 201) throw new Error(`No webhook: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
  }
}

/** Reads a status again and again in the background, and keeps how long each answer took, in milliseconds. */
export class StatusReader {
  readonly times: number[] = [];
  #isOver = false;
  readonly #reading: Promise<void>;

  constructor(client: FleetClient, id: string) {
    this.#reading = this.#read(client, id);
  }

  /** Ends the reading. Resolves with the 99th percentile. */
  async p99(): Promise<number> {
    this.#isOver = true;
    await this.#reading;
    return this.times.toSorted((a, b) => a - b)[Math.ceil(0.99 * this.times.length) - 1] ?? Number.NaN;
  }

  async #read(client: FleetClient, id: string): Promise<void> {
    for (; !this.#isOver; await sleep(20)) {
      const begun = performance.now();
      const answer = await client.get(`/embeddings/${id}`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer) this.times.push(performance.now() - begun);
    }
  }
}
