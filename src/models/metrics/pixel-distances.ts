/** Distances of pictures pixel by pixel, as graph nodes. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';

/** PSNR of equal pictures: 100 dB in place of infinity, which JSON cannot say. */
const SMALLEST_MSE = 1e-10;

/** Image in -1..1 -> 0..1, clipped, as a file shows it. */
export const asShown = (b: GraphBuilder, image: Value): Value =>
  b.op('Clip', [b.op('Mul', [b.op('Add', [image, b.scalar(1)]), b.scalar(0.5)]), b.scalar(0), b.scalar(1)]);

/** Mean squared difference of images [N,3,H,W]: [N]. Axis by axis: one float32 sum of all squares loses digits. */
export function meanSquaredError(b: GraphBuilder, x: Value, y: Value): Value {
  const difference = b.op('Sub', [x, y]);
  const squares = b.op('Mul', [difference, difference]);
  return [3, 2, 1].reduce(
    (mean, axis) => b.op('ReduceMean', [mean, b.ints([axis])], { keepdims: 0 }),
    squares,
  );
}

/** Peak signal-to-noise ratio in dB of images in 0..1 from their mean squared error: -10 log10(mse), at most 100. */
export function peakSignalToNoise(b: GraphBuilder, mse: Value): Value {
  const log = b.op('Log', [b.op('Max', [mse, b.scalar(SMALLEST_MSE)])]);
  return b.op('Mul', [log, b.scalar(-10 / Math.LN10)]);
}
