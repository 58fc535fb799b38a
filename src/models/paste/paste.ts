/** Puts the image of an aligned face back into the photo that a face was aligned from. */
import type { Point, Quad } from '../../contracts.js';
import { areaTensor, type Rgb8 } from '../../images/tensors.js';
import { resize } from '../../images.js';
import { sideOf, warp } from '../face/warp.js';
import { softMask } from './mask.js';
import { membrane } from './membrane.js';
import { faceOutline, intoSquare } from './outline.js';

/** Side at which the colours of face and photo are compared: coarse, so that no texture is carried over. */
const FIELD_SIZE = 64;

export interface Place {
  /** Corners of the aligned square, pixels of the photo. */
  quad: Quad;
  /** 68 landmarks of the face that the photo shows, pixels of the photo. */
  landmarks: readonly Point[];
}

/**
 * Draws `face`, an aligned square picture, over the face in `photo`, in place: inside the outlines of both faces, softly
 * along them, with its colours brought to those of the photo there. `faceLandmarks` are the 68 of `face`, in its
 * pixels. Every other pixel of the photo stays as it was; what the square shows beyond the photo is dropped.
 */
export async function paste(
  photo: Rgb8,
  face: Rgb8,
  { quad, landmarks }: Place,
  faceLandmarks: readonly Point[],
): Promise<void> {
  const toSquare = intoSquare(quad);
  const outlines = [
    faceOutline(landmarks.map(toSquare)),
    faceOutline(faceLandmarks.map(([x, y]): Point => [x / face.width, y / face.height])),
  ];
  // Reduced by Lanczos before it is sampled: a small face would alias otherwise.
  const size = Math.max(1, Math.min(face.width, Math.ceil(sideOf(quad))));
  const fitting = size === face.width ? face : await resize(face, size, size);
  const field = await colourField(photo, face, quad, softMask(outlines, FIELD_SIZE));
  draw(photo, layersOf(fitting, field, softMask(outlines, size)), size, quad);
}

/** What the face lacks to the colours of the photo [3,64,64], in levels. */
async function colourField(photo: Rgb8, face: Rgb8, quad: Quad, mask: Float32Array): Promise<Float32Array> {
  const shown = areaTensor(await warp(photo, quad, 4 * FIELD_SIZE), FIELD_SIZE);
  const own = areaTensor(face, FIELD_SIZE);
  const lacking = shown.map((value, i) => 127.5 * (value - own[i]!));
  const inside = insideOf(photo, quad);
  // The edge is where both are seen: m (1 - m) has its maximum, 1/4, halfway.
  const weights = mask.map((m, i) => (inside(i) ? 4 * m * (1 - m) : 0));
  return membrane(lacking, weights, FIELD_SIZE);
}

/** Whether a pixel of the field shows the photo and not what it was continued with. */
function insideOf({ width, height }: Rgb8, [origin, bottomLeft, , topRight]: Quad) {
  return (i: number): boolean => {
    const [u, v] = [((i % FIELD_SIZE) + 0.5) / FIELD_SIZE, (Math.floor(i / FIELD_SIZE) + 0.5) / FIELD_SIZE];
    const x = origin[0] + u * (topRight[0] - origin[0]) + v * (bottomLeft[0] - origin[0]);
    const y = origin[1] + u * (topRight[1] - origin[1]) + v * (bottomLeft[1] - origin[1]);
    return x >= 0 && y >= 0 && x < width && y < height;
  };
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
function draw({ data, width, height }: Rgb8, layers: Float32Array, size: number, quad: Quad): void {
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
