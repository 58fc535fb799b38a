/** How much of the pasted face is seen at each place: none from the outline on, all from some depth inside it. */
import type { Point } from '../../contracts.js';
import { edgesOf } from './outline.js';

/** Width of the soft edge in fractions of the aligned square, whose side is some two widths of the face. */
export const FEATHER = 0.08;

/**
 * Mask [size,size] 0..1 over the aligned square, of convex outlines in fractions of its side. Inside every one of them it
 * rises over `feather` as 3t^2 - 2t^3 of the depth t; outside any it is exactly 0.
 */
export function softMask(
  outlines: readonly (readonly Point[])[],
  size: number,
  feather = FEATHER,
): Float32Array {
  const edges = Float64Array.from(outlines.flatMap(edgesOf).flat());
  const mask = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    const v = (y + 0.5) / size;
    for (let x = 0; x < size; x++) {
      const u = (x + 0.5) / size;
      let depth = feather;
      for (let e = 0; e < edges.length && depth > 0; e += 3) {
        depth = Math.min(depth, edges[e]! * u + edges[e + 1]! * v + edges[e + 2]!);
      }
      if (depth <= 0) continue;
      const t = depth / feather;
      mask[y * size + x] = t * t * (3 - 2 * t);
    }
  }
  return mask;
}
