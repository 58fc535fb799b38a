/** Blobs that last as long as the process. */
import type { BlobStore } from '../../store/blobs.js';

export class MemoryBlobs implements BlobStore {
  readonly #values = new Map<string, Uint8Array>();

  read = (key: string | undefined): Uint8Array | undefined => (key ? this.#values.get(key) : undefined);

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#values.set(key, bytes);
  }
  async get(key: string): Promise<Buffer | undefined> {
    const bytes = this.#values.get(key);
    return bytes && Buffer.from(bytes);
  }
  async has(key: string): Promise<boolean> {
    return this.#values.has(key);
  }
  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
  async deletePrefix(prefix: string): Promise<void> {
    for (const key of this.#values.keys()) if (key.startsWith(prefix)) this.#values.delete(key);
  }
}
