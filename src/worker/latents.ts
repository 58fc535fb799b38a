/** Stored latents, the recent ones from memory. */
import { LRUCache } from 'lru-cache';
import { STYLE_DIM, STYLES } from '../contracts.js';
import { AppError } from '../errors.js';
import type { BlobStore } from '../store/blobs.js';

/** 32 KiB each: 8 MiB at most. */
const MAX_ENTRIES = 256;
/** A deleted face leaves the memory of every worker after this time, in milliseconds. */
const MAX_AGE = 60_000;

/** W+ latents [16,512] by blob key. A blob never changes, so that what is remembered cannot be wrong, only deleted. */
export class Latents {
  readonly #blobs: Pick<BlobStore, 'get'>;
  readonly #recent: LRUCache<string, Float32Array>;

  constructor(blobs: Pick<BlobStore, 'get'>, clock: { now: () => number } = performance) {
    this.#blobs = blobs;
    this.#recent = new LRUCache({
      max: MAX_ENTRIES,
      ttl: MAX_AGE,
      ttlAutopurge: true,
      ttlResolution: 0,
      perf: clock,
    });
  }

  /** Throws EMBEDDING_NOT_FOUND when the latent was deleted. Nobody may write into what is returned. */
  async get(key: string): Promise<Float32Array> {
    const known = this.#recent.get(key);
    if (known) return known;
    const bytes = await this.#blobs.get(key);
    if (!bytes) throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'A latent of this morph was deleted.' });
    const expected = STYLES * STYLE_DIM * 4;
    if (bytes.byteLength !== expected)
      throw new Error(`Expected ${expected} bytes for the latent but received ${bytes.byteLength}`);
    // The copy aligns it to four bytes, which a slice of Node's buffer pool need not be.
    const latent = new Float32Array(Uint8Array.from(bytes).buffer);
    this.#recent.set(key, latent);
    return latent;
  }
}
