/** What a kept result depends on. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ModelManifest } from '../../src/models/manifest.js';

/** Raise when results are measured in another way. */
const REVISION = 1;

/** The code that a projection runs through; presets have become options before. */
const SOURCES = [
  'models/stylegan',
  'models/encoder',
  'models/graph',
  'engine',
  'worker/projection',
  'worker/embed',
];

const PRESETS = 'models/stylegan/presets';

/** First 16 hex digits of a sha256 over `parts`, all weights, and the code of the projection. */
export function keyOf(manifest: Pick<ModelManifest, 'files' | 'generator'>, ...parts: unknown[]): string {
  const weights = Object.entries(manifest.files).map(([name, { sha256 }]) => [name, sha256]);
  const key = [REVISION, manifest.generator.hash, weights.sort(), codeHash(), parts];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
}

let code: string | undefined;

/** sha256 of the files below `src` that `SOURCES` begin, as they lie beside this one: compiled, or as sources. */
function codeHash(): string {
  if (code) return code;
  const root = fileURLToPath(new URL('../../src/', import.meta.url));
  const hash = createHash('sha256');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$|\.bin$/.test(name) && SOURCES.some((source) => name.startsWith(source)))
    .filter((name) => !name.startsWith(PRESETS))
    .sort();
  for (const name of names) hash.update(name).update(readFileSync(`${root}/${name}`));
  code = hash.digest('hex');
  return code;
}
