/** Where results go: a file, or standard output for `-`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { Misused } from './command.js';

/** Writes the bytes; the folder is made where it is missing. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  if (path === '-') {
    process.stdout.write(bytes);
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

/** The format that the name of a file asks for; undefined where it has no ending. Throws `Misused` for another one. */
export function formatOf<T extends string>(path: string, formats: readonly T[]): T | undefined {
  const ending = extname(path).slice(1).toLowerCase().replace(/^jpg$/, 'jpeg');
  if (path === '-' || ending === '') return undefined;
  const format = formats.find((one) => one === ending);
  if (!format)
    throw new Misused(
      `Expected a file ending in ${formats.map((one) => `.${one}`).join(', ')} but received '${path}'.`,
    );
  return format;
}
