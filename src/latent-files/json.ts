/** A latent as JSON: `{ id, shape, space, generator: { name, hash }, values: [[...], ...] }`. */
import { STYLE_DIM, STYLES } from '../contracts.js';
import type { ExportedLatent, ReceivedLatent } from './latent-file.js';
import { finished, invalid, repeats } from './latent-values.js';

/** Nine significant digits tell every float32 from its neighbours; only the sign of a zero is lost. */
export function writeJson({ id, generator, values }: ExportedLatent): Buffer {
  const rows = Array.from({ length: STYLES }, (_, i) =>
    Array.from(values.subarray(i * STYLE_DIM, (i + 1) * STYLE_DIM), (x) => Number(x.toPrecision(9))),
  );
  return Buffer.from(
    JSON.stringify({ id, shape: [STYLES, STYLE_DIM], space: 'w+', generator, values: rows }),
  );
}

/** Takes the numbers nested or flat, alone or as `values` of an object. Throws LATENT_INVALID. */
export function readJson(bytes: Buffer): ReceivedLatent {
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalid('The file begins like JSON and is none; expected { "values": [[...], ...] } with numbers.');
  }
  const object = Array.isArray(found) ? { values: found } : (found as Record<string, unknown>);
  const numbers: number[] = [];
  const shape = collect(object.values, numbers);
  return {
    values: finished(numbers, repeats(shape)),
    generator: generatorOf(object.generator),
  };
}

/** Appends the numbers of a list, or of the lists in it, and returns their shape; that of `[1, [2]]` is none. */
function collect(value: unknown, numbers: number[], depth = 0): number[] {
  if (!Array.isArray(value) || depth > 2)
    throw invalid('Expected a list of numbers, or of lists of numbers, for `values`.');
  if (value.every((one) => typeof one === 'number')) {
    for (const one of value) numbers.push(one);
    return [value.length];
  }
  const shapes = value.map((one: unknown) => collect(one, numbers, depth + 1));
  const [first] = shapes;
  if (!first || shapes.some((shape) => shape.join() !== first.join()))
    throw invalid('Received lists of different lengths for `values`; expected 16 of 512 numbers.');
  return [value.length, ...first];
}

/** Either the object of an export or `name:hash`. */
function generatorOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, hash } = value as { name?: unknown; hash?: unknown };
  return typeof name === 'string' && typeof hash === 'string' ? `${name}:${hash}` : undefined;
}
