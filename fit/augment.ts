/**
 * What sets photos apart from the generator's images, played on samples: a cut that sits a little elsewhere, another
 * lens, exposure and light, blur, no colour, something before the face. The latent asked for stays that of the sample,
 * so all of it is kept so small that the face is still the same in place and light.
 */

export interface AugmentOptions {
  /** Side of the image. */
  size: number;
  /** Uniform numbers in [0, 1). */
  uniform: () => number;
}

const ROTATION = 0.05;
const ZOOM = 0.04;
const SHIFT = 0.02;
const GAIN = 0.08;
const OFFSET = 0.08;
const SLOPE = 0.15;
const COLOURLESS = 0.08;
const BLURRED = 0.5;
const OCCLUDED = 0.15;

/** A varied copy of an image [3,size,size] -1..1. The same random numbers give the same copy. */
export function augment(image: Float32Array, { size, uniform }: AugmentOptions): Float32Array {
  const between = (bound: number): number => (2 * uniform() - 1) * bound;
  let out = moved(image, size, {
    angle: between(ROTATION),
    zoom: 1 + between(ZOOM),
    shift: [between(SHIFT) * size, between(SHIFT) * size],
  });
  const blurred = uniform() < BLURRED;
  const passes = 1 + Math.floor(3 * uniform());
  if (blurred) for (let i = 0; i < passes; i++) out = softened(out, size);
  const gains = [between(GAIN), between(GAIN), between(GAIN)];
  const [common, offset] = [1 + between(GAIN), between(OFFSET)];
  const slope: [number, number] = [between(SLOPE) / size, between(SLOPE) / size];
  lit(out, size, { gains: gains.map((gain) => common * (1 + gain)), offset, slope });
  if (uniform() < COLOURLESS) greyed(out, size * size);
  if (uniform() < OCCLUDED) covered(out, size, uniform);
  return out.map((x) => Math.max(-1, Math.min(1, x)));
}

interface Move {
  angle: number;
  zoom: number;
  shift: readonly [number, number];
}

/** Turned, enlarged and shifted about its centre; bilinear, the border goes on outside. */
function moved(image: Float32Array, size: number, { angle, zoom, shift }: Move): Float32Array {
  const out = new Float32Array(image.length);
  const plane = size * size;
  const [cos, sin] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  const centre = (size - 1) / 2;
  const inside = (x: number): number => Math.max(0, Math.min(size - 1.001, x));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dx, dy] = [x - centre - shift[0], y - centre - shift[1]];
      const px = inside(centre + cos * dx - sin * dy);
      const py = inside(centre + sin * dx + cos * dy);
      const [x0, y0] = [px | 0, py | 0];
      const [fx, fy] = [px - x0, py - y0];
      for (let at = y0 * size + x0, to = y * size + x; to < image.length; at += plane, to += plane) {
        const top = image[at]! + (image[at + 1]! - image[at]!) * fx;
        const low = image[at + size]! + (image[at + size + 1]! - image[at + size]!) * fx;
        out[to] = top + (low - top) * fy;
      }
    }
  }
  return out;
}

/** One pass of (1 2 1)/4 with a step of 2 pixels along both axes: variance 2 pixels squared. */
function softened(image: Float32Array, size: number): Float32Array {
  const along = (from: Float32Array, step: number, place: (i: number) => number): Float32Array =>
    from.map((x, i) => {
      const at = place(i);
      const before = at >= 2 ? from[i - 2 * step]! : x;
      const after = at < size - 2 ? from[i + 2 * step]! : x;
      return (before + 2 * x + after) / 4;
    });
  return along(
    along(image, 1, (i) => i % size),
    size,
    (i) => Math.floor(i / size) % size,
  );
}

interface Light {
  gains: readonly number[];
  offset: number;
  /** Change of brightness per pixel to the right and downwards. */
  slope: readonly [number, number];
}

function lit(image: Float32Array, size: number, { gains, offset, slope }: Light): void {
  const plane = size * size;
  for (let i = 0; i < image.length; i++) {
    const [x, y] = [i % size, Math.floor((i % plane) / size)];
    const side = 1 + slope[0] * (x - size / 2) + slope[1] * (y - size / 2);
    image[i] = (image[i]! + 1 + offset) * gains[Math.floor(i / plane)]! * side - 1;
  }
}

/** Luma as of BT.601. */
function greyed(image: Float32Array, plane: number): void {
  for (let i = 0; i < plane; i++) {
    const luma = 0.299 * image[i]! + 0.587 * image[i + plane]! + 0.114 * image[i + 2 * plane]!;
    image[i] = luma;
    image[i + plane] = luma;
    image[i + 2 * plane] = luma;
  }
}

/** An even rectangle of up to a third of either side, anywhere. */
function covered(image: Float32Array, size: number, uniform: () => number): void {
  const [width, height] = [0, 0].map(() => Math.floor((size / 3) * uniform())) as [number, number];
  const [left, top] = [Math.floor(uniform() * (size - width)), Math.floor(uniform() * (size - height))];
  for (let c = 0; c < 3; c++) {
    const shade = 2 * uniform() - 1;
    for (let y = top; y < top + height; y++) {
      const row = (c * size + y) * size;
      image.fill(shade, row + left, row + left + width);
    }
  }
}
