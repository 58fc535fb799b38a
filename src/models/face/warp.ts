/** Cuts a turned square out of a photo: anti-aliased, and continued beyond the photo's border as in FFHQ. */
import type { Point, Quad } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { blur, resize } from '../../images.js';

/** Side of the square in pixels of the photo. */
export const sideOf = ([topLeft, bottomLeft]: Quad): number =>
  Math.hypot(bottomLeft[0] - topLeft[0], bottomLeft[1] - topLeft[1]);

/**
 * The square `quad` of the photo as size x size pixels. Large squares are first reduced to 2..4 times the output, and
 * every output pixel is the mean of bilinear samples. Outside the photo its mirror image is seen, ever more blurred.
 */
export async function warp(photo: Rgb8, quad: Quad, size: number): Promise<Rgb8> {
  const shrink = Math.floor(sideOf(quad) / size / 2);
  if (shrink > 1) {
    const [width, height] = [photo.width, photo.height].map((n) => Math.max(1, Math.round(n / shrink)));
    const [fx, fy] = [width! / photo.width, height! / photo.height];
    return cut(await resize(photo, width!, height!), scaled(quad, fx, fy), size);
  }
  return cut(photo, quad, size);
}

const scaled = (quad: Quad, fx: number, fy: number): Quad =>
  quad.map(([x, y]): Point => [x * fx, y * fy]) as Quad;

async function cut(photo: Rgb8, quad: Quad, size: number): Promise<Rgb8> {
  const side = sideOf(quad);
  const margin = Math.max(3, Math.round(side * 0.1));
  const xs = quad.map((p) => p[0]);
  const ys = quad.map((p) => p[1]);
  const wanted = {
    left: Math.floor(Math.min(...xs)) - margin,
    top: Math.floor(Math.min(...ys)) - margin,
    right: Math.ceil(Math.max(...xs)) + margin,
    bottom: Math.ceil(Math.max(...ys)) + margin,
  };
  const missing = [-wanted.left, -wanted.top, wanted.right - photo.width, wanted.bottom - photo.height];
  const beyond = missing.some((n) => n > margin - 4);
  const region = beyond ? wanted : clipped(wanted, photo);
  const piece = mirrored(photo, region);
  const filled = beyond ? await softened(piece, photo, region, side) : piece;
  const moved = quad.map(([x, y]): Point => [x - region.left, y - region.top]) as Quad;
  return sample(filled, moved, size);
}

interface Region {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const clipped = (r: Region, { width, height }: Rgb8): Region => ({
  left: Math.max(0, r.left),
  top: Math.max(0, r.top),
  right: Math.min(width, r.right),
  bottom: Math.min(height, r.bottom),
});

/** The region of the photo; what lies outside is mirrored at the border pixels, again and again if need be. */
function mirrored(photo: Rgb8, { left, top, right, bottom }: Region): Rgb8 {
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(3 * width * height);
  const columns = Int32Array.from({ length: width }, (_, x) => 3 * mirror(left + x, photo.width));
  for (let y = 0; y < height; y++) {
    const line = 3 * photo.width * mirror(top + y, photo.height);
    let at = 3 * y * width;
    for (let x = 0; x < width; x++) {
      const from = line + columns[x]!;
      data[at++] = photo.data[from]!;
      data[at++] = photo.data[from + 1]!;
      data[at++] = photo.data[from + 2]!;
    }
  }
  return { data, width, height };
}

/** Reflection of a coordinate into 0..n-1 without repeating the edge. */
function mirror(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const j = ((i % period) + period) % period;
  return j < n ? j : period - j;
}

/**
 * Softens the mirrored parts as FFHQ's preparation does. With d the distance beyond the photo's border over 0.3 of the
 * square's side, the blurred picture is mixed in with weight 3d + 1 (so from d = -1/3, inside the photo, on), and the
 * median colour over it with weight d.
 */
async function softened(piece: Rgb8, photo: Rgb8, region: Region, side: number): Promise<Rgb8> {
  const soft = await blur(piece, side * 0.02);
  const median = medianOf(piece);
  const reach = side * 0.3;
  const data = new Uint8Array(piece.data);
  for (let y = 0; y < piece.height; y++) {
    const outY = outside(region.top + y, photo.height);
    for (let x = 0; x < piece.width; x++) {
      const far = Math.max(outside(region.left + x, photo.width), outY) / reach;
      if (far <= -1 / 3) continue;
      const blend = Math.min(1, 3 * far + 1);
      const fade = Math.min(1, Math.max(0, far));
      const at = 3 * (y * piece.width + x);
      for (let c = 0; c < 3; c++) {
        const own = piece.data[at + c]!;
        const blurred = own + (soft.data[at + c]! - own) * blend;
        data[at + c] = Math.round(blurred + (median[c]! - blurred) * fade);
      }
    }
  }
  return { ...piece, data };
}

/** Pixels from the photo's edge outwards; negative inside. */
const outside = (i: number, n: number): number => Math.max(-i, i - (n - 1));

function medianOf({ data }: Rgb8): number[] {
  const counts = [0, 1, 2].map(() => new Uint32Array(256));
  for (let i = 0; i < data.length; i++) counts[i % 3]![data[i]!]!++;
  return counts.map((histogram) => {
    let below = 0;
    let value = 0;
    while (below + histogram[value]! < data.length / 6) below += histogram[value++]!;
    return value;
  });
}

/** Bilinear samples on a grid of at least 2 x 2 per output pixel, averaged. Coordinates: 0 is the edge of pixel 0. */
function sample({ data, width, height }: Rgb8, quad: Quad, size: number): Rgb8 {
  const [origin, bottomLeft, , topRight] = quad;
  const grid = Math.max(2, Math.ceil(sideOf(quad) / size));
  const steps = size * grid;
  const right: Point = [(topRight[0] - origin[0]) / steps, (topRight[1] - origin[1]) / steps];
  const down: Point = [(bottomLeft[0] - origin[0]) / steps, (bottomLeft[1] - origin[1]) / steps];
  const out = new Uint8Array(3 * size * size);
  const sums = new Float64Array(3 * size);
  for (let v = 0; v < steps; v++) {
    if (v % grid === 0) sums.fill(0);
    let px = origin[0] + (v + 0.5) * down[0] + 0.5 * right[0] - 0.5;
    let py = origin[1] + (v + 0.5) * down[1] + 0.5 * right[1] - 0.5;
    for (let u = 0; u < steps; u++, px += right[0], py += right[1]) {
      const x = Math.max(0, Math.min(width - 1, px));
      const y = Math.max(0, Math.min(height - 1, py));
      const x0 = x | 0;
      const y0 = y | 0;
      const fx = x - x0;
      const fy = y - y0;
      const a = 3 * (y0 * width + x0);
      const b = x0 + 1 < width ? a + 3 : a;
      const row = y0 + 1 < height ? 3 * width : 0;
      const at = 3 * ((u / grid) | 0);
      for (let c = 0; c < 3; c++) {
        const top = data[a + c]! + (data[b + c]! - data[a + c]!) * fx;
        const low = data[a + row + c]! + (data[b + row + c]! - data[a + row + c]!) * fx;
        sums[at + c]! += top + (low - top) * fy;
      }
    }
    if (v % grid === grid - 1) {
      const line = 3 * size * ((v / grid) | 0);
      for (let i = 0; i < 3 * size; i++) out[line + i] = Math.round(sums[i]! / (grid * grid));
    }
  }
  return { data: out, width: size, height: size };
}
