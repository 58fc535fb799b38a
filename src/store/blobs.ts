/** Immutable bytes by key. The port covers whole values; ranges, listing and metadata are left out on purpose. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkedKey, folderOf, outOfReach } from './blob-checks.js';
import { outsideLimits, type SweepLimits, type Swept } from './sweep.js';

export interface BlobStore {
  /** Stores durably and atomically: a reader sees the old value, the new one or none, never a part. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Buffer | undefined>;
  has(key: string): Promise<boolean>;
  /** Deletes the value; a key that has none is fine. */
  delete(key: string): Promise<void>;
  /** Deletes every value below a folder; `prefix` ends in a slash. */
  deletePrefix(prefix: string): Promise<void>;
}

/** A blob store that also keeps a folder within limits; several processes may do so at the same time. */
export interface SweptBlobStore extends BlobStore {
  /** Deletes the values right below a folder that are too old, then the oldest ones until the rest fits. */
  sweep(prefix: string, limits: SweepLimits): Promise<Swept>;
}

/** Blobs as files below one directory, which several processes may share. */
export class FileBlobStore implements SweptBlobStore {
  constructor(private readonly dir: string) {}

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.pathOf(key);
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    await stored(async () => {
      await mkdir(dirname(path), { recursive: true });
      try {
        await writeDurably(temporary, bytes);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  async get(key: string): Promise<Buffer | undefined> {
    const path = this.pathOf(key);
    return stored(() => readFile(path).catch(undefinedWhenMissing));
  }

  async has(key: string): Promise<boolean> {
    const path = this.pathOf(key);
    return stored(async () => (await stat(path).catch(undefinedWhenMissing))?.isFile() ?? false);
  }

  async delete(key: string): Promise<void> {
    const path = this.pathOf(key);
    await stored(() => rm(path, { force: true }));
  }

  async deletePrefix(prefix: string): Promise<void> {
    const path = this.pathOf(folderOf(prefix));
    // A worker that does not know yet may add a file between the last look at the folder and its end.
    await stored(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  }

  async sweep(prefix: string, limits: SweepLimits): Promise<Swept> {
    const folder = this.pathOf(folderOf(prefix));
    return stored(async () => {
      const names = (await readdir(folder).catch(undefinedWhenMissing)) ?? [];
      const listed = await Promise.all(
        names.map(async (name) => {
          const path = join(folder, name);
          // Another sweep, or a deletion, may have been faster.
          const found = await stat(path).catch(undefinedWhenMissing);
          return found?.isFile() ? [{ key: path, bytes: found.size, age: Date.now() - found.mtimeMs }] : [];
        }),
      );
      const { keys: paths, bytes } = outsideLimits(listed.flat(), limits);
      for (const path of paths) await rm(path, { force: true });
      return { deleted: paths.length, bytes };
    });
  }

  private pathOf(key: string): string {
    return join(this.dir, checkedKey(key));
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** A full, read-only or unmounted disk is an outage that a later retry may survive. */
const stored = <T>(work: () => Promise<T>): Promise<T> => work().catch(outOfReach);
