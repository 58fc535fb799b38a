/** Reductions over axes given as a constant second input; without it over all axes. */
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Value } from '../ir.js';
import { sizeOf } from '../tensor.js';
import { attained } from './mask.js';
import { axisOf, constantInts, intAttr, intsOf, type OpRule, sameShape, typeAt } from './rule.js';

type Spread = (b: GraphBuilder, g: Value, x: Value, y: Value) => Value;

const keeps = (attrs: Attributes): boolean => intAttr(attrs, 'keepdims', 1) === 1;

/** A reduction by the gradient of its summands; g and y come in the keep-dims shape. */
function reduction(spread: Spread): OpRule {
  return {
    arity: [1, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axes = ctx.inputs[1]
        ? constantInts(ctx, 1, 'axes').map((a) => axisOf(a, shape.length))
        : shape.map((_, i) => i);
      const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
      return [{ dtype, shape: keeps(ctx.attrs) ? kept : kept.filter((_, i) => !axes.includes(i)) }];
    },
    grad: ({ b, inputs, outputs, grads }) => {
      const [x, axesInput] = inputs as [Value, Value | undefined];
      const axes = axesInput
        ? intsOf(b, axesInput, 'axes').map((a) => axisOf(a, x.shape.length))
        : x.shape.map((_, i) => i);
      const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
      const keep = (v: Value) => (sameShape(v.shape, kept) ? v : b.op('Reshape', [v, b.ints(kept)]));
      const dx = spread(b, keep(grads[0]!), x, keep(outputs[0]!));
      return [sameShape(dx.shape, x.shape) ? dx : b.op('Expand', [dx, b.ints(x.shape)]), undefined];
    },
  };
}

export const reduce: Readonly<Record<string, OpRule>> = {
  ReduceSum: reduction((_b, g) => g),
  ReduceMean: reduction((b, g, x, y) => b.op('Mul', [g, b.scalar(sizeOf(y.shape) / sizeOf(x.shape))])),
  // y = sum x^2, dy/dx = 2 x
  ReduceSumSquare: reduction((b, g, x) => b.op('Mul', [x, b.op('Mul', [g, b.scalar(2)])])),
  // y = |x|_2, dy/dx = x / y; at x = 0 the subgradient 0 is taken
  ReduceL2: reduction((b, g, x, y) => b.op('Mul', [x, b.op('Div', [g, b.op('Max', [y, b.scalar(1e-12)])])])),
  // y = max x, the gradient shared equally among ties
  ReduceMax: reduction((b, g, x, y) => {
    const chosen = attained(b, b.op('Sub', [y, x]));
    const axes = x.shape.flatMap((d, i) => (y.shape[i] === 1 && d !== 1 ? [i] : []));
    if (axes.length === 0) return g;
    const ties = b.op('ReduceSum', [chosen, b.ints(axes)], { keepdims: 1 });
    return b.op('Mul', [chosen, b.op('Div', [g, ties])]);
  }),
};
