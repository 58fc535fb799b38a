/** Immutable bytes by key. The port covers whole values; ranges, listing and metadata are left out on purpose. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../errors.js';

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

export interface SweepLimits {
  maxBytes: number;
  /** Milliseconds since they were stored. */
  maxAge: number;
}

/** What a sweep deleted, and the bytes that it left. */
export interface Swept {
  deleted: number;
  bytes: number;
}

const KEY = /^[A-Za-z0-9_-][\w.-]*(\/[A-Za-z0-9_-][\w.-]*)*$/;

/** Blobs as files below one directory, which several processes may share. */
export class FileBlobStore implements BlobStore {
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

  /** Deletes the values right below a folder that are too old, then the oldest ones until the rest fits. */
  async sweep(prefix: string, { maxBytes, maxAge }: SweepLimits): Promise<Swept> {
    const folder = this.pathOf(folderOf(prefix));
    return stored(async () => {
      const names = (await readdir(folder).catch(undefinedWhenMissing)) ?? [];
      const files = await Promise.all(
        names.map(async (name) => {
          const path = join(folder, name);
          // Another sweep, or a deletion, may have been faster.
          const found = await stat(path).catch(undefinedWhenMissing);
          return found?.isFile() ? [{ path, bytes: found.size, age: Date.now() - found.mtimeMs }] : [];
        }),
      );
      const swept = { deleted: 0, bytes: 0 };
      for (const { path, bytes, age } of files.flat().sort((a, b) => a.age - b.age)) {
        if (age <= maxAge && swept.bytes + bytes <= maxBytes) swept.bytes += bytes;
        else {
          await rm(path, { force: true });
          swept.deleted++;
        }
      }
      return swept;
    });
  }

  private pathOf(key: string): string {
    if (!KEY.test(key)) throw new Error(`Expected a blob key of plain path segments but received '${key}'`);
    return join(this.dir, key);
  }
}

function folderOf(prefix: string): string {
  if (!prefix.endsWith('/')) throw new Error(`Expected a prefix that ends in '/' but received '${prefix}'`);
  return prefix.slice(0, -1);
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
async function stored<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new AppError('UNAVAILABLE', { detail: 'The blob store is out of reach; try again.', cause: error });
  }
}
