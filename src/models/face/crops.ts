/** Pixels -> input tensors of the face nets. */

import type { Rgb8 } from '../../images/tensors.js';
import { resize } from '../../images.js';
import type { Box } from './boxes.js';

/** rgb8 no larger than size -> image [3,size,size] -1..1 with the picture at the top left on black. */
export function letterbox({ data, width, height }: Rgb8, size: number): Float32Array {
  return place(data, width, height, size, 0, 0, -1, 1 / 127.5);
}

export interface FaceCrop {
  /** Tensor [3,size,size] 0..255. */
  data: Float32Array;
  /** The square in the photo that the tensor shows. */
  left: number;
  top: number;
  side: number;
}

/** The box, centred on black in a square of its longer side: how the landmark net saw faces when it was trained. */
export async function cropFace(image: Rgb8, box: Box, size: number): Promise<FaceCrop> {
  const [x, y] = [Math.floor(box.x), Math.floor(box.y)];
  const width = Math.min(image.width, Math.ceil(box.x + box.width)) - x;
  const height = Math.min(image.height, Math.ceil(box.y + box.height)) - y;
  const side = Math.max(width, height);
  const [w, h] = [width, height].map((n) => Math.max(1, Math.round((n / side) * size)));
  const small = await resize(cut(image, x, y, width, height), w!, h!);
  const [padX, padY] = [Math.floor((size - w!) / 2), Math.floor((size - h!) / 2)];
  const data = place(small.data, w!, h!, size, padX, padY, 0, 1);
  const scale = side / size;
  return { data, left: x - padX * scale, top: y - padY * scale, side };
}

function cut({ data, width: stride }: Rgb8, x: number, y: number, width: number, height: number): Rgb8 {
  const out = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const from = 3 * ((y + row) * stride + x);
    out.set(data.subarray(from, from + 3 * width), 3 * width * row);
  }
  return { data: out, width, height };
}

/** Planes of value * scale + offset on a ground of value 0. */
function place(
  data: Uint8Array,
  width: number,
  height: number,
  size: number,
  padX: number,
  padY: number,
  offset: number,
  scale: number,
): Float32Array {
  const out = new Float32Array(3 * size * size).fill(offset);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const line = (c * size + padY + y) * size + padX;
      for (let x = 0; x < width; x++) out[line + x] = data[3 * (y * width + x) + c]! * scale + offset;
    }
  }
  return out;
}
