/** Who had which embedding deleted, when and why: an entry for each deletion, written in one step with it. */
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

export const DELETION_REASONS = ['request', 'retention', 'refused'] as const;
/** `refused`: it was stored for a request that then failed. */
export type DeletionReason = (typeof DELETION_REASONS)[number];

/** Nothing in it tells about a person. */
export interface Deletion {
  at: string;
  tenant: string;
  id: string;
  why: DeletionReason;
  /** Id of the API key that asked for it; none for retention, and without keys. */
  key: string | undefined;
}

/** Milliseconds for which entries are kept. */
export const AUDIT_KEPT_MS = 400 * 86_400_000;

const PAGE = 1_000;

export class Audit {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

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
  const { at = '', tenant = '', id = '', why = '', key = '' } = found;
  return { at, tenant, id, why: why as DeletionReason, key: key || undefined };
}
