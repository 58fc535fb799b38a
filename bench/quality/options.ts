/** Options of an embedding as a bench takes them: those of a request, in the same words. */
import { parseOptions } from '../../src/api/upload-fields.js';
import type { EmbeddingOptions } from '../../src/contracts.js';

/** Completed by the preset, as the API does it. Throws an error that names the option. */
export function embeddingOptions(
  given: Readonly<Record<string, string | number | boolean | undefined>>,
): EmbeddingOptions {
  const fields = Object.entries(given).filter(([, value]) => value !== undefined);
  return parseOptions(new Map(fields.map(([name, value]) => [name, String(value)])));
}
