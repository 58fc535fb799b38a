/** Brings the colours of a pasted face to those of the photo around it. */
import type { Quad } from '../../contracts.js';
import { areaTensor, type Rgb8 } from '../../images/tensors.js';
import { warp } from '../face/warp.js';
import { membrane } from './membrane.js';

/** Side at which the colours of face and photo are compared: coarse, so that no texture is carried over. */
export const FIELD_SIZE = 64;

/**
 * What `face`, an aligned square picture, lacks to the colours of the photo: a smooth field [3,64,64] over the square, in
 * levels. It is read where the mask [64,64] is neither 0 nor 1, in the photo, and continued from there.
 */
export async function colourField(
  photo: Rgb8,
  face: Rgb8,
  quad: Quad,
  mask: Float32Array,
): Promise<Float32Array> {
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
