/** The ends of embeddings that webhooks have not heard of yet, read by any number of processes, each entry by one. */
import type { Redis } from 'ioredis';
import { OUTBOX_TYPES, type OutboxType } from './job-protocol.js';
import { reachable } from './redis.js';

const GROUP = 'webhooks';
/** One name for all processes: each entry goes to one of them all the same, and no names of dead ones are left. */
const READER = 'upkeep';
/** Milliseconds after which an entry whose reader has said nothing is another's: reading one takes a few. */
const LEASE_MS = 60_000;

export interface OutboxEntry {
  /** Id in the stream. */
  entry: string;
  type: OutboxType;
  /** Id of the embedding. */
  id: string;
  tenant: string;
  at: string;
}

type Raw = [entry: string, fields: string[] | null];

export class Outbox {
  #isReady = false;

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly leaseMs: number = LEASE_MS,
  ) {}

  /** Up to `limit` entries that are now this reader's, first those of readers that have died. */
  async take(limit: number): Promise<OutboxEntry[]> {
    await this.#begin();
    try {
      return await this.#take(limit);
    } catch (error) {
      // The store was emptied under us.
      if (error instanceof Error && error.message.startsWith('NOGROUP')) this.#isReady = false;
      throw error;
    }
  }

  async #take(limit: number): Promise<OutboxEntry[]> {
    const [, left] = (await reachable(
      this.redis.xautoclaim(this.#key, GROUP, READER, this.leaseMs, '0', 'COUNT', limit),
    )) as [string, Raw[]];
    if (left.length > 0) return this.#parse(left);
    const reply = (await reachable(
      this.redis.xreadgroup('GROUP', GROUP, READER, 'COUNT', limit, 'STREAMS', this.#key, '>'),
    )) as [string, Raw[]][] | null;
    return this.#parse(reply?.[0]?.[1] ?? []);
  }

  /** What nobody can make sense of is dropped, lest it come back again and again. */
  async #parse(raw: readonly Raw[]): Promise<OutboxEntry[]> {
    const parsed = raw.map((one) => ({ entry: one[0], known: parse(one) }));
    for (const { entry, known } of parsed) if (!known) await this.drop(entry);
    return parsed.flatMap(({ known }) => known ?? []);
  }

  /** Drops an entry: it has been passed on. */
  async drop(entry: string): Promise<void> {
    await reachable(this.redis.multi().xack(this.#key, GROUP, entry).xdel(this.#key, entry).exec());
  }

  /** Whoever comes first makes the group; it begins with the oldest entry. */
  async #begin(): Promise<void> {
    if (this.#isReady) return;
    await reachable(
      this.redis.xgroup('CREATE', this.#key, GROUP, '0', 'MKSTREAM').catch((error: unknown) => {
        if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
      }),
    );
    this.#isReady = true;
  }

  get #key(): string {
    return `${this.prefix}:outbox`;
  }
}

/** Undefined for an entry that was trimmed while a reader had it, and for a type that this version does not know. */
function parse([entry, fields]: Raw): OutboxEntry | undefined {
  if (!fields) return undefined;
  const of = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
  const type = OUTBOX_TYPES.find((known) => known === of('type'));
  return type && { entry, type, id: of('id'), tenant: of('tenant'), at: of('at') };
}
