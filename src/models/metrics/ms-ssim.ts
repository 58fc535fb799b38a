/** Multi-scale structural similarity as graph nodes. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';

/** Exponents of the five scales, finest first (Wang, Simoncelli, Bovik 2003, section 3.2). */
const EXPONENTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333] as const;
const WINDOW = 11;
const SIGMA = 1.5;
/** (K1 L)^2 and (K2 L)^2 for values of range L = 1. */
const [C1, C2] = [0.01 ** 2, 0.03 ** 2];

/** Side from which the window fits into the coarsest scale. */
export const SMALLEST_SIDE = WINDOW * 2 ** (EXPONENTS.length - 1);

/**
 * MS-SSIM of images [N,3,H,W] in 0..1: [N], at most 1, the mean of the three channels. Conventions of pytorch-msssim:
 * Gaussian windows lie wholly inside the picture, scales are halved by 2 x 2 means, negative similarities count as 0.
 * Throws for sides under 176, and odd ones at any scale.
 */
export function msSsim(b: GraphBuilder, x: Value, y: Value): Value {
  const sides = x.shape.slice(2);
  const halvings = 2 ** (EXPONENTS.length - 1);
  if (sides.some((side) => side < SMALLEST_SIDE || side % halvings !== 0)) {
    throw new Error(
      `Expected sides from ${SMALLEST_SIDE} on that ${halvings} divides but received [${x.shape}]`,
    );
  }
  const blur = gaussian(b);
  let [fineX, fineY] = [x, y];
  const factors = EXPONENTS.map((exponent, scale) => {
    if (scale > 0) [fineX, fineY] = [halved(b, fineX), halved(b, fineY)];
    const { contrast, luminance } = similarities(b, blur, fineX, fineY);
    const coarsest = scale === EXPONENTS.length - 1;
    const map = coarsest ? b.op('Mul', [contrast, luminance()]) : contrast;
    const mean = b.op('Relu', [b.op('ReduceMean', [map, b.ints([2, 3])], { keepdims: 0 })]);
    return b.op('Pow', [mean, b.scalar(exponent)]);
  });
  const perChannel = factors.reduce((product, factor) => b.op('Mul', [product, factor]));
  return b.op('ReduceMean', [perChannel, b.ints([1])], { keepdims: 0 });
}

type Blur = (x: Value) => Value;

/** The maps c*s and l of the paper's equations 1 to 3, one value for each place of the window. */
function similarities(b: GraphBuilder, blur: Blur, x: Value, y: Value) {
  const op = (name: string, ...inputs: Value[]) => b.op(name, inputs);
  const ratio = (cross: Value, squares: Value, c: number): Value => {
    const twice = op('Mul', cross, b.scalar(2));
    return op('Div', op('Add', twice, b.scalar(c)), op('Add', squares, b.scalar(c)));
  };
  const [meanX, meanY] = [blur(x), blur(y)];
  const means = op('Mul', meanX, meanY);
  const meanSquares = op('Add', op('Mul', meanX, meanX), op('Mul', meanY, meanY));
  const covariance = op('Sub', blur(op('Mul', x, y)), means);
  const variances = op('Sub', blur(op('Add', op('Mul', x, x), op('Mul', y, y))), meanSquares);
  return { contrast: ratio(covariance, variances, C2), luminance: () => ratio(means, meanSquares, C1) };
}

/** The Gaussian window as two convolutions without padding. */
function gaussian(b: GraphBuilder): Blur {
  const taps = Array.from({ length: WINDOW }, (_, i) =>
    Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * SIGMA ** 2)),
  );
  const sum = taps.reduce((total, tap) => total + tap);
  const weights = [1, 2, 3].flatMap(() => taps.map((tap) => tap / sum));
  const kernels = [
    [WINDOW, 1],
    [1, WINDOW],
  ].map(([h, w]) => b.constant(f32(weights, [3, 1, h!, w!]), `window_${h}x${w}`));
  return (x) =>
    kernels.reduce(
      (y, kernel) => b.op('Conv', [y, kernel], { kernel_shape: kernel.shape.slice(2), group: 3 }),
      x,
    );
}

const halved = (b: GraphBuilder, x: Value): Value =>
  b.op('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
