/** From the parts that were asked for to the mask of one image. */
import type { RegionPart } from '../../contracts.js';
import { PART_SIZE, type RegionMap } from './map.js';

/**
 * Weight of b [styles,side,side], 0..1: where parts overlap, that of the one that takes most; `lambda` is what a keeps in all
 * of them. At lambda 1 nothing is left of b. Throws RangeError for no parts, a part that the map lacks, or a lambda out of 0..1.
 */
export function regionMask(map: RegionMap, parts: readonly RegionPart[], lambda: number): Float32Array {
  if (parts.length === 0) throw new RangeError('Expected at least one part');
  if (!(lambda >= 0 && lambda <= 1)) throw new RangeError(`Expected lambda in 0..1 but received ${lambda}`);
  const mask = new Float32Array(PART_SIZE);
  for (const part of parts) {
    const own = map.get(part);
    if (!own) throw new RangeError(`Expected one of ${[...map.keys()].join(', ')} but received ${part}`);
    for (let i = 0; i < mask.length; i++) mask[i] = Math.max(mask[i]!, (1 - lambda) * own[i]!);
  }
  return mask;
}
