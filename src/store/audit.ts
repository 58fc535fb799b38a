/** Who had which embedding deleted, when and why: an entry for each deletion, written in one step with it. */
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

export const DELETION_REASONS = ['request', 'retention', 'refused', 'orphan'] as const;
/** `refused`: it was stored for a request that then failed. `orphan`: a process was lost before there was a record of it. */
export type DeletionReason = (typeof DELETION_REASONS)[number];

/** Nothing in it tells about a person. */
export interface Deletion {
  at: string;
  /** Undefined for an orphan: nothing says whose it was. */
  tenant: string | undefined;
  id: string;
  why: DeletionReason;
  /** Id of the API key that asked for it; none for retention, and without keys. */
  key: string | undefined;
  /** How many blobs the record named, and how many renders had been made of it; undefined for an orphan. */
  blobs: number | undefined;
  renders: number | undefined;
}

/** Milliseconds for which entries are kept. */
export const AUDIT_KEPT_MS = 400 * 86_400_000;

const PAGE = 1_000;

export class Audit {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Notes the deletion of what has no record; the others are noted by the scripts of `Records`. */
  async note({ id, why }: Pick<Deletion, 'id'> & { why: 'orphan' }): Promise<void> {
    const at = this.now();
    const oldest = `${at.getTime() - AUDIT_KEPT_MS}`;
    const fields = ['id', id, 'why', why, 'at', at.toISOString()];
    await reachable(this.redis.xadd(`${this.prefix}:audit`, 'MINID', '~', oldest, '*', ...fields));
  }

  /** The deletions since a moment, the earliest first. */
  async *since(from: Date): AsyncGenerator<Deletion> {
    for (let start = `${from.getTime()}-0`; ; ) {
      const entries = await reachable(this.redis.xrange(`${this.prefix}:audit`, start, '+', 'COUNT', PAGE));
      for (const [, fields] of entries) yield parse(fields);
      const last = entries.at(-1);
      if (!last || entries.length < PAGE) return;
      start = `(${last[0]}`;
    }
  }
}

function parse(fields: readonly string[]): Deletion {
  const found: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) found[fields[i]!] = fields[i + 1]!;
  const { at = '', tenant, id = '', why = '', key, blobs, renders } = found;
  return {
    at,
    tenant,
    id,
    why: why as DeletionReason,
    key: key || undefined,
    blobs: count(blobs),
    renders: count(renders),
  };
}

const count = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
