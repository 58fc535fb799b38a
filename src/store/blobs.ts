/** Immutable bytes by key. The port covers whole values; ranges, listing and metadata are left out on purpose. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
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
  /** Everything that is stored, in any order. What is stored or deleted meanwhile may be missing or still be there. */
  list(): AsyncIterable<StoredBlob>;
  /** Deletes what `list` told of as unfinished. */
  deleteUnfinished(key: string): Promise<void>;
}

export interface StoredBlob {
  key: string;
  /** Milliseconds since it was stored. */
  age: number;
  /** Of a value that was never finished; its key is then that of a temporary file. */
  isUnfinished: boolean;
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
        await syncFolder(dirname(path));
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

  async *list(): AsyncGenerator<StoredBlob> {
    for await (const path of filesBelow(this.dir)) {
      const key = relative(this.dir, path).split(sep).join('/');
      const found = await stat(path).catch(undefinedWhenMissing);
      // Files whose names begin with a dot are marks of the directory itself.
      if (!found || key.startsWith('.')) continue;
      yield { key, age: Date.now() - found.mtimeMs, isUnfinished: UNFINISHED.test(key) };
    }
  }

  async deleteUnfinished(key: string): Promise<void> {
    if (!UNFINISHED.test(key)) throw new Error(`Expected an unfinished file but received '${key}'`);
    await stored(() => rm(this.pathOf(key), { force: true }));
  }

  private pathOf(key: string): string {
    return join(this.dir, checkedKey(key));
  }
}

/** Names of temporary files. */
const UNFINISHED = /\.[0-9a-f]{12}\.tmp$/;

async function* filesBelow(dir: string): AsyncGenerator<string> {
  const entries = (await readdir(dir, { withFileTypes: true }).catch(undefinedWhenMissing)) ?? [];
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
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

/** Makes the new name of a file last, as `fsync` of the file does its content. Windows has nothing of the kind. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** A full, read-only or unmounted disk is an outage that a later retry may survive. */
const stored = <T>(work: () => Promise<T>): Promise<T> => work().catch(outOfReach);
