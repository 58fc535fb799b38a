/** What the pixels of an aligned face tell: light, colour, sharpness, and detail where the features should be. */
import type { Point } from '../../contracts.js';

/** Place and half axes in fractions of the aligned square. */
export interface Ellipse {
  centre: Point;
  radii: readonly [number, number];
}

/** The face without hair and background, as FFHQ places it. */
export const FACE: Ellipse = { centre: [0.5, 0.62], radii: [0.2, 0.27] };

export interface Region {
  /** Luma 0..1 below which 95 % of the pixels lie: that of the brightest skin. */
  brightest: number;
  /** Mean distance from grey, in Cb and Cr of range 1. */
  chroma: number;
  /** Root mean square of the Laplacian of luma. */
  detail: number;
  /** Standard deviation of luma. */
  contrast: number;
}

/** The region of an image [3,S,S] -1..1. Throws when the ellipse holds no pixel inside the picture. */
export function lookAt(image: Float32Array, { centre, radii }: Ellipse): Region {
  const plane = image.length / 3;
  const side = Math.sqrt(plane);
  if (!Number.isInteger(side))
    throw new RangeError(`Expected a square image but received ${image.length} values`);
  const channel = (c: number, i: number): number => (image[c * plane + i]! + 1) / 2;
  const luma = (i: number): number => 0.299 * channel(0, i) + 0.587 * channel(1, i) + 0.114 * channel(2, i);
  const lumas: number[] = [];
  let [chroma, laplacians] = [0, 0];
  for (const i of pixelsOf(side, centre, radii)) {
    const y = luma(i);
    lumas.push(y);
    chroma += Math.hypot(0.564 * (channel(2, i) - y), 0.713 * (channel(0, i) - y));
    laplacians += (4 * y - luma(i - 1) - luma(i + 1) - luma(i - side) - luma(i + side)) ** 2;
  }
  const n = lumas.length;
  if (n === 0) throw new RangeError('Expected a region inside the picture');
  const mean = lumas.reduce((sum, y) => sum + y) / n;
  const variance = lumas.reduce((sum, y) => sum + (y - mean) ** 2, 0) / n;
  lumas.sort((a, b) => a - b);
  return {
    brightest: lumas[Math.floor(0.95 * n)]!,
    chroma: chroma / n,
    detail: Math.sqrt(laplacians / n),
    contrast: Math.sqrt(variance),
  };
}

/** Indices of the pixels in an ellipse, without the picture's border. */
function* pixelsOf(side: number, [cx, cy]: Point, [rx, ry]: Ellipse['radii']): Generator<number> {
  const from = (centre: number, radius: number) => Math.max(1, Math.floor((centre - radius) * side));
  const to = (centre: number, radius: number) => Math.min(side - 2, Math.ceil((centre + radius) * side));
  for (let y = from(cy, ry); y <= to(cy, ry); y++) {
    for (let x = from(cx, rx); x <= to(cx, rx); x++) {
      const [u, v] = [((x + 0.5) / side - cx) / rx, ((y + 0.5) / side - cy) / ry];
      if (u * u + v * v <= 1) yield y * side + x;
    }
  }
}
