/** A blob store that notices when a disk, or whoever has access to it, changed what was stored. */
import { AppError } from '../errors.js';
import { LOOKED_AT, RENDERS } from './blob-keys.js';
import type { StoredBlob, SweptBlobStore } from './blobs.js';
import { opened, sealed } from './seal.js';
import type { SweepLimits, Swept } from './sweep.js';

/** Folders of what is made again when it is missing. */
const MADE_AGAIN = [RENDERS, LOOKED_AT];

export class SealedBlobs implements SweptBlobStore {
  /** `onDamage` hears the key of each blob that was found damaged. */
  constructor(
    private readonly store: SweptBlobStore,
    private readonly onDamage: (key: string) => void = () => {},
  ) {}

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.store.put(key, sealed(bytes));
  }

  /** Throws BLOB_DAMAGED; what can be made again is deleted instead, and counts as missing. */
  async get(key: string): Promise<Buffer | undefined> {
    const found = await this.store.get(key);
    const bytes = found && opened(found);
    if (bytes || !found) return bytes;
    this.onDamage(key);
    if (!MADE_AGAIN.some((folder) => key.startsWith(folder))) throw new AppError('BLOB_DAMAGED');
    await this.store.delete(key);
    return undefined;
  }

  has(key: string): Promise<boolean> {
    return this.store.has(key);
  }

  delete(key: string): Promise<void> {
    return this.store.delete(key);
  }

  deletePrefix(prefix: string): Promise<void> {
    return this.store.deletePrefix(prefix);
  }

  sweep(prefix: string, limits: SweepLimits): Promise<Swept> {
    return this.store.sweep(prefix, limits);
  }

  list(): AsyncIterable<StoredBlob> {
    return this.store.list();
  }

  deleteUnfinished(key: string): Promise<void> {
    return this.store.deleteUnfinished(key);
  }
}
