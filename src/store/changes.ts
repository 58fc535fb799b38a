/** News of embeddings: what has happened to one, and a hint as soon as something happens. */
import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import type { EventKind } from './job-protocol.js';
import { reachable } from './redis.js';

export interface Change {
  /** Id in the stream of the embedding: later ones are greater. */
  id: string;
  kind: EventKind;
  data: unknown;
}

/** Most events that are read at a time. */
const PAGE = 100;

export class Changes {
  /** Tells those who wait for an embedding, under its id. */
  readonly #hints = new EventEmitter();
  #subscriber: Redis | undefined;

  /** `onError` hears of lost connections, which are made again: those who wait look for themselves now and then. */
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly onError: (error: Error) => void = () => {},
  ) {
    this.#hints.setMaxListeners(0);
  }

  /**
   * What has happened since the event `after`, the earliest first; `isGap` when some of it is no longer kept, so that
   * only a look at the record tells how things stand.
   */
  async since(id: string, after: string): Promise<{ changes: Change[]; isGap: boolean }> {
    const [entries, oldest] = await Promise.all([
      reachable(this.redis.xrange(this.#events(id), `(${after}`, '+', 'COUNT', PAGE)),
      reachable(this.redis.xrange(this.#events(id), '-', '+', 'COUNT', 1)),
    ]);
    const changes = entries.map(([entry, fields]) => parse(entry, fields));
    const first = oldest[0]?.[0];
    return { changes, isGap: after !== FROM_START && (first === undefined || isEarlier(after, first)) };
  }

  /** Id of the latest event; that before all events when there is none. */
  async latest(id: string): Promise<string> {
    const [last] = await reachable(this.redis.xrevrange(this.#events(id), '+', '-', 'COUNT', 1));
    return last?.[0] ?? FROM_START;
  }

  /** Calls `listener` whenever something happened to the embedding, until the function that is returned is called. */
  follow(id: string, listener: () => void): () => void {
    this.#subscribe();
    this.#hints.on(id, listener);
    return () => void this.#hints.off(id, listener);
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  /** One connection for all who wait, made when the first one comes. */
  #subscribe(): void {
    if (this.#subscriber) return;
    const subscriber = this.redis.duplicate({
      // A subscription waits for its server, and is renewed by itself.
      enableOfflineQueue: true,
      commandTimeout: undefined,
      maxRetriesPerRequest: null,
    });
    subscriber.on('error', this.onError);
    subscriber.on('message', (_channel, id: string) => this.#hints.emit(id));
    subscriber.subscribe(`${this.prefix}:changed`).catch(this.onError);
    this.#subscriber = subscriber;
  }

  #events(id: string): string {
    return `${this.prefix}:events:${id}`;
  }
}

/** Before every event. */
export const FROM_START = '0-0';

export const EVENT_ID = /^[0-9]{1,16}-[0-9]{1,10}$/;

function isEarlier(a: string, b: string): boolean {
  const [[ms, n], [otherMs, otherN]] = [a, b].map((id) => id.split('-').map(Number)) as [number[], number[]];
  return ms! < otherMs! || (ms === otherMs && n! < otherN!);
}

function parse(id: string, fields: string[]): Change {
  const pairs = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) pairs.set(fields[i]!, fields[i + 1]!);
  return { id, kind: pairs.get('event') as EventKind, data: JSON.parse(pairs.get('data') ?? '{}') };
}
