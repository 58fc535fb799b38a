/** Pure conversions between rgb8 pixels [H,W,3] 0..255 and image tensors [3,H,W] -1..1. */

/** Interleaved 8-bit pixels of an upright sRGB picture. */
export interface Rgb8 {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Image tensor [3,height,width] -1..1 -> rgb8; values outside are clipped, NaN becomes 0. */
export function tensorToRgb8(chw: Float32Array, width: number, height: number): Rgb8 {
  const plane = width * height;
  if (chw.length !== 3 * plane) {
    throw new RangeError(
      `Expected ${3 * plane} values for an image [3,${height},${width}] but received ${chw.length}`,
    );
  }
  const data = new Uint8ClampedArray(3 * plane);
  for (let c = 0; c < 3; c++) {
    const from = c * plane;
    for (let i = 0; i < plane; i++) data[3 * i + c] = (chw[from + i]! + 1) * 127.5;
  }
  return { data: new Uint8Array(data.buffer), width, height };
}

/** rgb8 -> image tensor [3,size,size] -1..1, each value the exact mean of the area that its pixel covers. */
export function areaTensor(image: Rgb8, size: number): Float32Array {
  const { data, width, height } = image;
  const columns = coverage(width, size);
  const rows = coverage(height, size);
  const wide = new Float32Array(3 * size);
  const out = new Float32Array(3 * size * size).fill(-1);
  rows.forEach((row, y) => {
    for (const { index, weight } of row) {
      wide.fill(0);
      const line = index * width * 3;
      for (let x = 0; x < size; x++) {
        for (const cover of columns[x]!) {
          const at = line + 3 * cover.index;
          for (let c = 0; c < 3; c++) wide[3 * x + c]! += cover.weight * data[at + c]!;
        }
      }
      const scale = weight / 127.5;
      for (let c = 0; c < 3; c++) {
        const plane = (c * size + y) * size;
        for (let x = 0; x < size; x++) out[plane + x]! += scale * wide[3 * x + c]!;
      }
    }
  });
  return out;
}

interface Cover {
  index: number;
  weight: number;
}

/** Which source pixels each of `to` equal intervals of an axis covers, and how much of it; weights sum to 1. */
function coverage(from: number, to: number): Cover[][] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step];
    const covers: Cover[] = [];
    for (let index = Math.floor(start); index < Math.min(from, Math.ceil(end)); index++) {
      const weight = (Math.min(end, index + 1) - Math.max(start, index)) / step;
      if (weight > 1e-9) covers.push({ index, weight });
    }
    return covers;
  });
}
