/** The smooth field of colour that a pasted face lacks, read along its edge and continued over its inside. */

/** Weight of the differences between neighbours against those along the edge. */
const SMOOTHNESS = 1;
/** In median deviations from the median: from here on a difference counts for a quarter and ever less, as hair against skin. */
const OUTLIER = 3;
/** Levels of 255: what deviates less is no outlier. */
const LEAST_DEVIATION = 3;
/** Successive over-relaxation: the rate that suits a square of 64 pixels, and sweeps until nothing moves by 0.1 levels. */
const RATE = 1.9;
const SWEEPS = 150;

/**
 * The field c [3,size,size] that is least in
 *     sum over pixels of w r (c - d)^2 + SMOOTHNESS * sum over neighbours i, j of (c_i - c_j)^2
 * for differences d [3,size,size] with weights w [size,size]: the membrane that seamless cloning adds to what it pastes
 * (Pérez et al. 2003, equation 2; Farbman et al. 2009, section 3), held by a wide edge instead of a line, and by the weights
 * r = 1 / (1 + (e/s)^2)^2 of Geman and McClure, e being the distance of d from the median along the edge. All 0 where no
 * weight is above 0.
 */
export function membrane(
  differences: Float32Array,
  weights: Float32Array,
  size: number,
  outlier = OUTLIER,
): Float32Array {
  const plane = size * size;
  const field = new Float32Array(3 * plane);
  const known = [...weights.keys()].filter((i) => weights[i]! > 0);
  if (known.length === 0) return field;
  const middle = [0, 1, 2].map((c) => median(known.map((i) => differences[c * plane + i]!)));
  const away = (i: number): number => Math.hypot(...middle.map((m, c) => differences[c * plane + i]! - m));
  const scale = outlier * Math.max(LEAST_DEVIATION, median(known.map(away)));
  const held = new Float32Array(plane);
  for (const i of known) held[i] = weights[i]! / (1 + (away(i) / scale) ** 2) ** 2;
  middle.forEach((start, c) => {
    const channel = field.subarray(c * plane, (c + 1) * plane).fill(start);
    const wanted = differences.subarray(c * plane, (c + 1) * plane);
    for (let sweep = 0; sweep < SWEEPS; sweep++) relax(channel, wanted, held, size);
  });
  return field;
}

/** One Gauss-Seidel sweep, over-relaxed: every pixel moves towards the mean of its neighbours and of what is wanted there. */
function relax(field: Float32Array, wanted: Float32Array, held: Float32Array, size: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      // Beyond the border the field goes on as it is.
      const own = field[i]!;
      const left = x > 0 ? field[i - 1]! : own;
      const right = x < size - 1 ? field[i + 1]! : own;
      const above = y > 0 ? field[i - size]! : own;
      const below = y < size - 1 ? field[i + size]! : own;
      const pull = SMOOTHNESS * (left + right + above + below) + held[i]! * wanted[i]!;
      const best = pull / (4 * SMOOTHNESS + held[i]!);
      field[i]! += RATE * (best - field[i]!);
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
