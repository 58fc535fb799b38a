/** The embeddings of a tenant, the newest first, page by page. */
import type { Redis } from 'ioredis';
import type { EmbeddingRecord, EmbeddingState } from '../contracts.js';
import type { Records } from './records.js';
import { reachable } from './redis.js';

export interface ListFilter {
  state?: EmbeddingState | undefined;
  label?: string | undefined;
  reference?: string | undefined;
  /** Milliseconds since 1970; the first inclusive, the second exclusive. */
  createdFrom?: number | undefined;
  createdBefore?: number | undefined;
}

/** The place after a page: creation in milliseconds, and id, since several may have been created in one. */
export interface Cursor {
  createdAt: number;
  id: string;
}

export interface Page {
  records: EmbeddingRecord[];
  /** None after the last page. */
  next: Cursor | undefined;
}

/** Most records that one page looks at: a rare state is found over several pages, each in bounded time. */
const MAX_LOOKED_AT = 1_000;

export class RecordList {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly records: Pick<Records, 'find'>,
  ) {}

  /**
   * Up to `limit` records. A page may hold fewer, even none, and have a next one all the same: what is filtered by state is
   * looked at one after the other, and no page looks at more than 1,000.
   */
  async page(
    tenant: string,
    filter: ListFilter,
    { limit, after }: { limit: number; after?: Cursor | undefined },
  ): Promise<Page> {
    const found: EmbeddingRecord[] = [];
    let place = after;
    for (let looked = 0; looked < MAX_LOOKED_AT; ) {
      const ids = await this.#ids(tenant, filter, place, limit);
      const last = ids.at(-1);
      if (!last) return { records: found, next: undefined };
      looked += ids.length;
      const read = await Promise.all(ids.map(({ id }) => this.records.find(tenant, id)));
      for (const [i, record] of read.entries()) {
        // A record that expired for good is dropped from the list by the first who misses it.
        if (!record) await reachable(this.redis.zrem(this.#listKey(tenant, filter), ids[i]!.id));
        else if (!passes(record, filter)) continue;
        else if (found.push(record) === limit)
          return { records: found, next: i < ids.length - 1 || ids.length === limit ? ids[i] : undefined };
      }
      place = last;
    }
    return { records: found, next: place };
  }

  /** The next ids of the list that names the fewest. Those of one millisecond are in falling order, as Redis has them. */
  async #ids(
    tenant: string,
    filter: ListFilter,
    after: Cursor | undefined,
    count: number,
  ): Promise<Cursor[]> {
    const from = filter.createdFrom ?? '-inf';
    const newest = filter.createdBefore === undefined ? '+inf' : `(${filter.createdBefore}`;
    const max = after ? `${after.createdAt}` : newest;
    const key = this.#listKey(tenant, filter);
    const cursors: Cursor[] = [];
    // Those of the cursor's millisecond that came before it are passed over.
    for (let offset = 0; cursors.length < count; offset += count) {
      const flat = await reachable(
        this.redis.zrevrangebyscore(key, max, from, 'WITHSCORES', 'LIMIT', offset, count),
      );
      for (let i = 0; i < flat.length; i += 2) {
        const cursor = { id: flat[i]!, createdAt: Number(flat[i + 1]) };
        if (!after || cursor.createdAt < after.createdAt || cursor.id < after.id) cursors.push(cursor);
      }
      if (flat.length < 2 * count) break;
    }
    return cursors.slice(0, count);
  }

  #listKey(tenant: string, { label, reference }: ListFilter): string {
    const root = `${this.prefix}:tenant:${tenant}`;
    if (reference !== undefined) return `${root}:reference:${reference}`;
    return label === undefined ? `${root}:embeddings` : `${root}:label:${label}`;
  }
}

function passes({ state, labels = [] }: EmbeddingRecord, filter: ListFilter): boolean {
  if (filter.state !== undefined && state !== filter.state) return false;
  return filter.label === undefined || labels.includes(filter.label);
}
