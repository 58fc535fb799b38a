/**
 * What lost processes left in the directory of the blobs and no record names: photos that were stored for a request whose
 * API was killed, files of workers that were killed. Looked through a part at a time. A bucket has lifecycle rules for this.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { undefinedWhenMissing } from './blobs.js';
import { reachable } from './redis.js';

/** No blob can have this name, which begins with a dot. */
const MARK = '.redis';

export class Leftovers {
  /** Name of the folder that was looked at last. */
  #place = '';

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly dir: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /**
   * Whether the directory belongs to this Redis: the first process that asks marks both. To a Redis that was emptied, or
   * is another one, every embedding of the directory looks like a leftover.
   */
  async isOurs(): Promise<boolean> {
    const path = join(this.dir, MARK);
    const key = `${this.prefix}:blobs`;
    const found = await readFile(path, 'utf8').catch(undefinedWhenMissing);
    if (found === undefined) await reachable(this.redis.set(key, randomUUID(), 'NX'));
    const ours = await reachable(this.redis.get(key));
    if (found !== undefined || ours === null) return found === ours;
    await mkdir(this.dir, { recursive: true });
    await writeFile(path, ours);
    return true;
  }

  /** The next embeddings, `limit` at most, whose folders nothing was added to for so many milliseconds. */
  async embeddings(ageMs: number, limit: number): Promise<{ id: string; ageMs: number }[]> {
    const names = (await readdir(this.#folder()).catch(undefinedWhenMissing)) ?? [];
    const next = names
      .filter((name) => name > this.#place)
      .sort()
      .slice(0, limit);
    this.#place = next.length < limit ? '' : next.at(-1)!;
    const found = await Promise.all(
      next.map(async (id) => ({ id, ageMs: await this.#age(this.#folder(id)) })),
    );
    return found.filter((one) => one.ageMs >= ageMs);
  }

  /** Deletes files of that age that were never finished, and tells how many. */
  async dropUnfinished(id: string, ageMs: number): Promise<number> {
    const folder = this.#folder(id);
    const entries = (await readdir(folder, { recursive: true }).catch(undefinedWhenMissing)) ?? [];
    const paths = entries.filter((name) => name.endsWith('.tmp')).map((name) => join(folder, name));
    const ages = await Promise.all(paths.map((path) => this.#age(path)));
    const old = paths.filter((_, i) => ages[i]! >= ageMs);
    await Promise.all(old.map((path) => rm(path, { force: true })));
    return old.length;
  }

  /** Attempts at the embedding that have left a folder. */
  async attempts(id: string): Promise<number[]> {
    const names = (await readdir(this.#folder(id)).catch(undefinedWhenMissing)) ?? [];
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  #folder(id = ''): string {
    return join(this.dir, 'embeddings', id);
  }

  /** Milliseconds since it was changed; of what is gone by now, none. */
  async #age(path: string): Promise<number> {
    const found = await stat(path).catch(undefinedWhenMissing);
    return found ? this.now().getTime() - found.mtimeMs : 0;
  }
}
