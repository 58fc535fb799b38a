/**
 * Resampling. Along each axis it is a product with a constant matrix M [out, in], a row of weights for every result,
 * so that the gradient is the product with its transpose. Source: the ONNX specification of Resize, opset 18.
 */
import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Attributes, Value } from '../ir.js';
import { numbersOf, type Tensor } from '../tensor.js';
import { mapAxis } from './resample.js';
import { axisOf, intAttr, intsAttr, NotConstant, type OpRule, stringAttr, typeAt } from './rule.js';

interface AxisPlan {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

/** Where result i lies on the axis that is resampled, in the float32 arithmetic that decides ties. */
type Coordinate = (i: number, plan: AxisPlan) => number;

const f = Math.fround;
const halfPixel: Coordinate = (i, { scale }) => f(f(f(i + 0.5) / f(scale)) - 0.5);

const COORDINATES: Readonly<Record<string, Coordinate>> = {
  half_pixel: halfPixel,
  pytorch_half_pixel: (i, plan) => (plan.to > 1 ? halfPixel(i, plan) : 0),
  align_corners: (i, { from, to }) => (to > 1 ? f(f(i * (from - 1)) / (to - 1)) : 0),
  asymmetric: (i, { scale }) => f(i / f(scale)),
};

const ROUND: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weights of the elements x .. at a coordinate: `[index, weight]`, indices possibly outside. */
type Kernel = (x: number) => [number, number][];

/** The kernel along an axis. Against aliasing it is stretched over all elements that one result stands for. */
function kernelOf(attrs: Attributes, { from: size, scale }: AxisPlan): Kernel {
  const coefficient = intAttr(attrs, 'cubic_coeff_a', -0.75);
  const excludes = intAttr(attrs, 'exclude_outside', 0) === 1;
  const smooths = intAttr(attrs, 'antialias', 0) === 1;
  const clamped = (x: number) => Math.min(Math.max(x, 0), size - 1);
  const mode = stringAttr(attrs, 'mode', 'nearest');
  switch (mode) {
    case 'nearest': {
      const round = ROUND[stringAttr(attrs, 'nearest_mode', 'round_prefer_floor')];
      if (!round)
        throw new Error(`rounds by '${attrs.nearest_mode}', expected ${Object.keys(ROUND).join(', ')}`);
      return (x) => [[round(x), 1]];
    }
    case 'linear':
      if (smooths) return convolution((d) => 1 - d, 1, Math.max(1, 1 / scale), excludes, size);
      return (x) => {
        const left = Math.floor(clamped(x));
        const part = clamped(x) - left;
        return [
          [left, 1 - part],
          [left + 1, part],
        ];
      };
    case 'cubic':
      return convolution(keys(coefficient), 2, smooths ? Math.max(1, 1 / scale) : 1, excludes, size);
    default:
      throw new Error(`resamples by '${mode}', expected nearest, linear or cubic`);
  }
}

/** Keys' cubic convolution. Source: Keys, Cubic Convolution Interpolation for Digital Image Processing, eq. 4. */
const keys =
  (a: number) =>
  (d: number): number =>
    d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;

/** Weights by distance, up to `radius` times `stretch`, that sum to 1. */
function convolution(
  weight: (distance: number) => number,
  radius: number,
  stretch: number,
  excludes: boolean,
  size: number,
): Kernel {
  const reach = radius * stretch;
  return (x) => {
    const first = Math.ceil(x - reach);
    const taps = upTo(Math.floor(x + reach) - first + 1).map((k) => first + k);
    const counted = excludes ? taps.filter((at) => at >= 0 && at < size) : taps;
    const weights = counted.map((at) => weight(Math.abs(x - at) / stretch));
    const total = weights.reduce((sum, w) => sum + w, 0);
    return counted.map((at, k) => [at, weights[k]! / total]);
  };
}

/** The axes that change. Throws on what has no matrix here. */
function plansOf(
  shape: readonly number[],
  attrs: Attributes,
  scales: Tensor | undefined,
  sizes: Tensor | undefined,
): AxisPlan[] {
  const axes = intsAttr(attrs, 'axes', upTo(shape.length)).map((axis) => axisOf(axis, shape.length));
  const policy = stringAttr(attrs, 'keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') throw new Error(`keeps the aspect ratio by '${policy}', expected stretch`);
  const mode = stringAttr(attrs, 'coordinate_transformation_mode', 'half_pixel');
  if (!COORDINATES[mode])
    throw new Error(`takes coordinates by '${mode}', expected ${Object.keys(COORDINATES).join(', ')}`);
  const given = numbersOf((sizes ?? scales)!);
  if (given.length !== axes.length)
    throw new Error(`expected ${axes.length} sizes or scales but received ${given.length}`);
  return axes.flatMap((axis, i) => {
    const from = shape[axis]!;
    const to = sizes ? given[i]! : Math.floor(from * given[i]!);
    const plan = { axis, from, to, scale: sizes ? to / from : given[i]! };
    return plan.to === from && plan.scale === 1 ? [] : [plan];
  });
}

/** [from, to]: the transposed matrix. */
function transposedMatrix(plan: AxisPlan, attrs: Attributes): Float32Array {
  const { from, to } = plan;
  const coordinate = COORDINATES[stringAttr(attrs, 'coordinate_transformation_mode', 'half_pixel')]!;
  const kernel = kernelOf(attrs, plan);
  const matrix = new Float32Array(from * to);
  for (let i = 0; i < to; i++) {
    for (const [at, weight] of kernel(coordinate(i, plan))) {
      matrix[Math.min(Math.max(at, 0), from - 1) * to + i]! += weight;
    }
  }
  return matrix;
}

/** How often every element is repeated, if that is all that happens along the axis. */
function repeats({ from, to }: AxisPlan, matrix: Float32Array): number | undefined {
  const times = to / from;
  const plain =
    Number.isInteger(times) && upTo(to).every((i) => matrix[Math.floor(i / times) * to + i] === 1);
  return plain ? times : undefined;
}

/** Sums over blocks of an image [N, C, H, W]. */
function blockSums(b: GraphBuilder, g: Value, blocks: readonly number[]): Value {
  const means = b.op('AveragePool', [g], { kernel_shape: [...blocks], strides: [...blocks] });
  return b.op('Mul', [means, b.scalar(blocks.reduce((n, d) => n * d, 1))]);
}

export const resize: Readonly<Record<string, OpRule>> = {
  Resize: {
    arity: [2, 4],
    optional: [1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const known = (i: number, what: string): Tensor | undefined => {
        if (!ctx.inputs[i] || ctx.inputs[i].shape[0] === 0) return undefined;
        const tensor = ctx.constant(i);
        if (!tensor) throw new NotConstant(i, what);
        return tensor;
      };
      const [scales, sizes] = [known(2, 'scales'), known(3, 'sizes')];
      if (!scales && !sizes) throw new Error('expected scales or sizes');
      const out = [...shape];
      for (const plan of plansOf(shape, ctx.attrs, scales, sizes)) {
        kernelOf(ctx.attrs, plan);
        out[plan.axis] = plan.to;
      }
      return [{ dtype, shape: out }];
    },
    grad: ({ b, inputs, grads, attrs }) => {
      const [x, , scales, sizes] = inputs as [Value, Value?, Value?, Value?];
      const known = (value?: Value) => (value && value.shape[0] !== 0 ? b.constantOf(value.name) : undefined);
      const plans = plansOf(x.shape, attrs, known(scales), known(sizes));
      const matrices = plans.map((plan) => transposedMatrix(plan, attrs));
      const blocks = plans.map((plan, i) => repeats(plan, matrices[i]!));
      const image = x.shape.length === 4 && plans.every(({ axis }) => axis >= 2);
      if (image && plans.length > 0 && blocks.every((times) => times !== undefined)) {
        const along = (axis: number) => blocks[plans.findIndex((plan) => plan.axis === axis)] ?? 1;
        return [blockSums(b, grads[0]!, [along(2), along(3)])];
      }
      return [plans.reduce((g, { axis, from }, i) => mapAxis(b, g, axis, from, matrices[i]!), grads[0]!)];
    },
  },
};
