/** A smooth deterministic picture, tensor [3,size,size] 0..255: the same formula makes the golden values of other engines. */
export function pattern(size: number): Float32Array {
  const out = new Float32Array(3 * size * size);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const wave =
          Math.sin((5 + c) * (x / size) + 9 * (y / size) ** 2) * Math.cos(7 * (x / size) * (y / size) + c);
        out[(c * size + y) * size + x] = Math.round(127.5 + 120 * wave);
      }
    }
  }
  return out;
}
