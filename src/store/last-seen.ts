/** What was read of Redis, for reads that must go on while Redis is away. */
import { LRUCache } from 'lru-cache';
import { AppError } from '../errors.js';

/** Milliseconds for which a read may be answered with what it found before: nothing that was revoked or deleted lasts longer. */
const MAX_AGE = 10 * 60_000;
const MAX_ENTRIES = 10_000;

export class LastSeen<V extends object> {
  readonly #seen: LRUCache<string, V>;

  /** `isLasting`: whether a value may stand in for later ones. */
  constructor(
    private readonly isLasting: (value: V) => boolean,
    clock: { now: () => number } = performance,
  ) {
    this.#seen = new LRUCache({ max: MAX_ENTRIES, ttl: MAX_AGE, ttlResolution: 0, perf: clock });
  }

  /** What `look` finds; where the store is out of reach, what it found for this key at last. Throws what `look` throws. */
  async through(key: string, look: () => Promise<V>): Promise<V> {
    try {
      const found = await look();
      if (this.isLasting(found)) this.#seen.set(key, found);
      else this.#seen.delete(key);
      return found;
    } catch (error) {
      const seen = isOutage(error) ? this.#seen.get(key) : undefined;
      if (seen === undefined) throw error;
      return seen;
    }
  }
}

const isOutage = (error: unknown): boolean => error instanceof AppError && error.code === 'UNAVAILABLE';
