/** How much room the disk of the data directory has. A bucket has no such end. */
import { statfs } from 'node:fs/promises';
import type { Config } from '../config.js';
import { AppError } from '../errors.js';

/** Milliseconds for which a look at the disk holds. */
const LOOK_HOLDS = 2_000;

export interface DiskRoomOptions {
  /** Reads the free bytes of a directory's file system. */
  free?: (dir: string) => Promise<number>;
  clock?: { now: () => number };
}

export class DiskRoom {
  readonly #dir: string | undefined;
  /** Below it nothing new is taken in. */
  readonly #least: number;
  readonly #free: (dir: string) => Promise<number>;
  readonly #clock: { now: () => number };
  #look: { at: number; bytes: Promise<number | undefined> } | undefined;

  constructor(
    { blobs, dataDir, diskFreeBytes }: Pick<Config, 'blobs' | 'dataDir' | 'diskFreeBytes'>,
    { free = freeOf, clock = performance }: DiskRoomOptions = {},
  ) {
    this.#dir = blobs.kind === 'files' ? dataDir : undefined;
    this.#least = diskFreeBytes;
    this.#free = free;
    this.#clock = clock;
  }

  /** Undefined where nothing tells: a bucket, or a disk that is away, which whoever stores something hears of. */
  async freeBytes(): Promise<number | undefined> {
    if (this.#dir === undefined) return undefined;
    const now = this.#clock.now();
    if (!this.#look || now - this.#look.at >= LOOK_HOLDS)
      this.#look = { at: now, bytes: this.#free(this.#dir).catch(() => undefined) };
    return this.#look.bytes;
  }

  async isLow(): Promise<boolean> {
    const bytes = this.#least > 0 ? await this.freeBytes() : undefined;
    return bytes !== undefined && bytes < this.#least;
  }

  /** Before anything is stored. Throws STORAGE_LOW. */
  async check(): Promise<void> {
    if (await this.isLow())
      throw new AppError('STORAGE_LOW', {
        detail: 'Nothing new is stored until there is more room; what is stored is served.',
      });
  }
}

/** Bytes that a process without privileges may still write. */
async function freeOf(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}
