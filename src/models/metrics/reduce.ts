/** Means of squares of pixels. */

/**
 * Image [3,S,S] -> [3,size,size], each value the mean of a square: as the step graphs reduce what they judge. Throws
 * where `size` does not divide S.
 */
export function reduced(image: Float32Array, size: number): Float32Array {
  const side = Math.sqrt(image.length / 3);
  const factor = side / size;
  if (!Number.isInteger(side) || !Number.isInteger(factor)) {
    throw new RangeError(
      `Expected a square image whose side ${size} divides but received ${image.length} values`,
    );
  }
  const out = new Float32Array(3 * size * size);
  const share = 1 / factor ** 2;
  for (let row = 0; row < 3 * side; row++) {
    const to = Math.floor(row / factor) * size;
    for (let x = 0; x < side; x++) out[to + Math.floor(x / factor)]! += image[row * side + x]! * share;
  }
  return out;
}
