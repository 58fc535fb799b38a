/** A blob store that remembers what was read of one folder: images that are asked for again and again. */
import { LRUCache } from 'lru-cache';
import type { BlobStore } from './blobs.js';

const MAX_BYTES = 64 * 2 ** 20;
/** One blob takes at most this share of it. */
const LARGEST_SHARE = 1 / 16;
/** Milliseconds after which a blob that another process deleted is gone here, too. */
const MAX_AGE = 60_000;

export interface RecentBlobsOptions {
  /** Only keys that begin with it are remembered; it ends in a slash. */
  prefix: string;
  maxBytes?: number;
  clock?: { now: () => number };
}

export class RecentBlobs implements BlobStore {
  readonly #store: BlobStore;
  readonly #prefix: string;
  readonly #recent: LRUCache<string, Buffer>;
  /** Deletions so far: what was read before one may not be remembered after it. */
  #deletions = 0;

  constructor(store: BlobStore, { prefix, maxBytes = MAX_BYTES, clock = performance }: RecentBlobsOptions) {
    this.#store = store;
    this.#prefix = prefix;
    this.#recent = new LRUCache({
      maxSize: maxBytes,
      maxEntrySize: Math.floor(maxBytes * LARGEST_SHARE),
      sizeCalculation: ({ byteLength }) => Math.max(1, byteLength),
      ttl: MAX_AGE,
      ttlAutopurge: true,
      ttlResolution: 0,
      perf: clock,
    });
  }

  async get(key: string): Promise<Buffer | undefined> {
    const known = this.#recent.get(key);
    if (known) return known;
    const deletions = this.#deletions;
    const bytes = await this.#store.get(key);
    if (bytes && key.startsWith(this.#prefix) && deletions === this.#deletions) this.#recent.set(key, bytes);
    return bytes;
  }

  async has(key: string): Promise<boolean> {
    return this.#recent.has(key) || this.#store.has(key);
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#forgetting(() => this.#recent.delete(key), this.#store.put(key, bytes));
  }

  delete(key: string): Promise<void> {
    return this.#forgetting(() => this.#recent.delete(key), this.#store.delete(key));
  }

  deletePrefix(prefix: string): Promise<void> {
    const forget = (): void => {
      for (const key of this.#recent.keys()) if (key.startsWith(prefix)) this.#recent.delete(key);
    };
    return this.#forgetting(forget, this.#store.deletePrefix(prefix));
  }

  /** Forgets before the change, so that nobody gets the old value after it, and once more for who read it meanwhile. */
  async #forgetting(forget: () => void, change: Promise<void>): Promise<void> {
    this.#deletions++;
    forget();
    await change;
    this.#deletions++;
    forget();
  }
}
