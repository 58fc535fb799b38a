/** Draws a square picture into a photo where a turned square puts it. */
import type { Quad } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { FIELD_SIZE } from './colour.js';
import { intoSquare } from './outline.js';

/**
 * Mixes a face, rgb8 [size,size,3] with the field [3,64,64] added, into the photo by its mask [size,size]. Pixels of the photo
 * where the mask is 0 are not written, nor are parts of the square beyond the photo drawn anywhere.
 */
export function draw(photo: Rgb8, face: Rgb8, field: Float32Array, mask: Float32Array, quad: Quad): void {
  mix(photo, layersOf(face, field, mask), face.width, quad);
}

/** Red, green and blue with the field added, and the mask: float [size,size,4], in levels and 0..1. */
function layersOf({ data, width: size }: Rgb8, field: Float32Array, mask: Float32Array): Float32Array {
  const layers = new Float32Array(4 * size * size);
  const plane = FIELD_SIZE * FIELD_SIZE;
  const places = Array.from({ length: size }, (_, i) => bilinear(((i + 0.5) * FIELD_SIZE) / size - 0.5));
  places.forEach(([top, low, fy], y) => {
    places.forEach(([left, right, fx], x) => {
      const i = y * size + x;
      for (let c = 0; c < 3; c++) {
        const above = c * plane + top * FIELD_SIZE;
        const below = c * plane + low * FIELD_SIZE;
        const upper = field[above + left]! + fx * (field[above + right]! - field[above + left]!);
        const lower = field[below + left]! + fx * (field[below + right]! - field[below + left]!);
        layers[4 * i + c] = data[3 * i + c]! + upper + fy * (lower - upper);
      }
      layers[4 * i + 3] = mask[i]!;
    });
  });
  return layers;
}

/** The pixels of the field on both sides of a place, and how far it is from the first to the second. */
function bilinear(place: number): [first: number, second: number, fraction: number] {
  const within = Math.max(0, Math.min(FIELD_SIZE - 1, place));
  const first = Math.min(FIELD_SIZE - 2, Math.floor(within));
  return [first, first + 1, within - first];
}

/** Mixes the layers [size,size,4] into the photo where the quad puts them. */
function mix({ data, width, height }: Rgb8, layers: Float32Array, size: number, quad: Quad): void {
  const [xs, ys] = [quad.map(([x]) => x), quad.map(([, y]) => y)];
  const [left, right] = [
    Math.max(0, Math.floor(Math.min(...xs))),
    Math.min(width, Math.ceil(Math.max(...xs))),
  ];
  const [top, bottom] = [
    Math.max(0, Math.floor(Math.min(...ys))),
    Math.min(height, Math.ceil(Math.max(...ys))),
  ];
  const toSquare = intoSquare(quad);
  const [u0, v0] = toSquare([0.5, 0.5]);
  const [u1, v1] = toSquare([1.5, 0.5]);
  const [du, dv] = [(u1 - u0) * size, (v1 - v0) * size];
  const colour = new Float64Array(4);
  for (let y = top; y < bottom; y++) {
    const [u, v] = toSquare([left + 0.5, y + 0.5]);
    let [px, py] = [u * size - 0.5, v * size - 0.5];
    for (let x = left; x < right; x++, px += du, py += dv) {
      if (px < 1 || py < 1 || px >= size - 2 || py >= size - 2) continue;
      if (layers[4 * (Math.round(py) * size + Math.round(px)) + 3] === 0) continue;
      catmullRom(layers, size, px, py, colour);
      const weight = Math.min(1, colour[3]!);
      if (weight <= 0) continue;
      const at = 3 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        const own = data[at + c]!;
        data[at + c] = Math.max(0, Math.min(255, Math.round(own + weight * (colour[c]! - own))));
      }
    }
  }
}

/** Cubic convolution (Keys 1981, a = -1/2) of the 4 x 4 pixels around a place, into `out`. */
function catmullRom(layers: Float32Array, size: number, px: number, py: number, out: Float64Array): void {
  const [x, y] = [Math.floor(px), Math.floor(py)];
  const [columns, rows] = [taps(px - x), taps(py - y)];
  out.fill(0);
  for (let j = 0; j < 4; j++) {
    for (let i = 0; i < 4; i++) {
      const weight = rows[j]! * columns[i]!;
      const at = 4 * ((y + j - 1) * size + x + i - 1);
      for (let c = 0; c < 4; c++) out[c]! += weight * layers[at + c]!;
    }
  }
}

/** Weights of the pixels at -1, 0, 1 and 2 for a place at t, 0..1. */
function taps(t: number): [number, number, number, number] {
  const [t2, t3] = [t * t, t * t * t];
  return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
}
