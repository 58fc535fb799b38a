/** Reductions over axes given as a constant second input; without it over all axes. */
import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Attributes, Value } from '../ir.js';
import { DTYPE_CODES } from '../onnx.js';
import { sizeOf } from '../tensor.js';
import { attained } from './mask.js';
import { reshape } from './resample.js';
import { axisOf, constantInts, intAttr, intsOf, type OpRule, sameShape, typeAt } from './rule.js';

type Spread = (b: GraphBuilder, g: Value, x: Value, y: Value, axes: readonly number[]) => Value;

const keeps = (attrs: Attributes): boolean => intAttr(attrs, 'keepdims', 1) === 1;

/** The axes that are reduced: given, or all. An empty list means all unless the node says that it means none. */
function axesOf(given: readonly number[] | undefined, rank: number, attrs: Attributes): number[] {
  if (given && given.length > 0) return given.map((a) => axisOf(a, rank));
  const none = given !== undefined && intAttr(attrs, 'noop_with_empty_axes', 0) === 1;
  return none ? [] : upTo(rank);
}

/** A reduction by the gradient of its summands; g and y come in the keep-dims shape. */
function reduction(spread: Spread): OpRule {
  return {
    arity: [1, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const given = ctx.inputs[1] && constantInts(ctx, 1, 'axes');
      const axes = axesOf(given, shape.length, ctx.attrs);
      const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
      return [{ dtype, shape: keeps(ctx.attrs) ? kept : kept.filter((_, i) => !axes.includes(i)) }];
    },
    grad: ({ b, inputs, outputs, grads, attrs }) => {
      const [x, axesInput] = inputs as [Value, Value | undefined];
      const axes = axesOf(axesInput && intsOf(b, axesInput, 'axes'), x.shape.length, attrs);
      const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
      const dx = spread(b, reshape(b, grads[0]!, kept), x, reshape(b, outputs[0]!, kept), axes);
      return [sameShape(dx.shape, x.shape) ? dx : b.op('Expand', [dx, b.ints(x.shape)]), undefined];
    },
  };
}

const sumOver = (b: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  axes.length === 0 ? x : b.op('ReduceSum', [x, b.ints(axes)], { keepdims: 1 });

/** The gradient shared equally among the elements that reach the extremum. */
const amongTies =
  (sign: 1 | -1): Spread =>
  (b, g, x, y, axes) => {
    const chosen = attained(b, b.op('Sub', sign > 0 ? [y, x] : [x, y]));
    return b.op('Mul', [chosen, b.op('Div', [g, sumOver(b, chosen, axes)])]);
  };

/**
 * y = prod x, dy/dx_i the product of the others: with n zeros among the factors and p the product of the rest,
 * p / x_i where n = 0, p at the zero itself where n = 1, and 0 elsewhere.
 */
const productOfOthers: Spread = (b, g, x, _y, axes) => {
  if (axes.length === 0) return g;
  const zero = b.op('Cast', [b.op('Equal', [x, b.scalar(0)])], { to: DTYPE_CODES.float32 });
  const factor = b.op('Add', [x, zero]);
  const product = b.op('ReduceProd', [factor, b.ints(axes)], { keepdims: 1 });
  const otherZeros = b.op('Sub', [sumOver(b, zero, axes), zero]);
  const others = b.op('Mul', [b.op('Div', [product, factor]), attained(b, otherZeros)]);
  return b.op('Mul', [g, others]);
};

export const reduce: Readonly<Record<string, OpRule>> = {
  ReduceSum: reduction((_b, g) => g),
  ReduceMean: reduction((b, g, x, y) => b.op('Mul', [g, b.scalar(sizeOf(y.shape) / sizeOf(x.shape))])),
  // y = sum x^2, dy/dx = 2 x
  ReduceSumSquare: reduction((b, g, x) => b.op('Mul', [x, b.op('Mul', [g, b.scalar(2)])])),
  // y = |x|_2, dy/dx = x / y; at x = 0 the subgradient 0 is taken
  ReduceL2: reduction((b, g, x, y) => b.op('Mul', [x, b.op('Div', [g, b.op('Max', [y, b.scalar(1e-12)])])])),
  ReduceL1: reduction((b, g, x) => b.op('Mul', [g, b.op('Sign', [x])])),
  // y = log sum x, dy/dx = 1 / sum x = exp(-y)
  ReduceLogSum: reduction((b, g, _x, y) => b.op('Mul', [g, b.op('Exp', [b.op('Neg', [y])])])),
  // y = log sum exp x, dy/dx = exp(x - y)
  ReduceLogSumExp: reduction((b, g, x, y) => b.op('Mul', [g, b.op('Exp', [b.op('Sub', [x, y])])])),
  ReduceMax: reduction(amongTies(1)),
  ReduceMin: reduction(amongTies(-1)),
  ReduceProd: reduction(productOfOthers),
};
