/** Activations. */
import type { Attributes, Value } from '../ir.js';
import { unary } from './elementwise.js';
import { mask } from './mask.js';
import { type OpRule, sameShape, typeAt, unbroadcast } from './rule.js';

const slope = (attrs: Attributes): number => (typeof attrs.alpha === 'number' ? attrs.alpha : 0.01);

export const activation: Readonly<Record<string, OpRule>> = {
  Relu: unary(({ b, g, y }) => b.op('Mul', [g, mask(b, y)])),
  // y has the sign of x for a positive slope, and x need not be kept; other slopes ask for x and a blend.
  LeakyRelu: unary(({ b, g, x, y, ctx }) => {
    const a = slope(ctx.attrs);
    if (a > 0 && a < 1) return b.op('Mul', [g, mask(b, y, a)]);
    const steps = b.op('Add', [b.op('Mul', [mask(b, x), b.scalar(1 - a)]), b.scalar(a)]);
    return b.op('Mul', [g, steps]);
  }),
  // y' = y (1 - y)
  Sigmoid: unary(({ b, g, y }) => b.op('Mul', [g, b.op('Mul', [y, b.op('Sub', [b.scalar(1), y])])])),
  // y' = 1 - y^2
  Tanh: unary(({ b, g, y }) => b.op('Mul', [g, b.op('Sub', [b.scalar(1), b.op('Mul', [y, y])])])),
  // y' = sigmoid(x)
  Softplus: unary(({ b, g, x }) => b.op('Mul', [g, b.op('Sigmoid', [x])])),
  // y' = 2/sqrt(pi) exp(-x^2)
  Erf: unary(({ b, g, x }) => {
    const bell = b.op('Exp', [b.op('Neg', [b.op('Mul', [x, x])])]);
    return b.op('Mul', [g, b.op('Mul', [bell, b.scalar(2 / Math.sqrt(Math.PI))])]);
  }),
  /** The gradient passes to the value where it is strictly inside its bounds, and to a bound where it is beyond. */
  Clip: {
    arity: [1, 3],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: ({ b, inputs, grads, needs }) => {
      const [x, low, high] = inputs;
      const to = (bound: Value, beyond: readonly [Value, Value]) =>
        unbroadcast(b, b.op('Mul', [grads[0]!, mask(b, b.op('Sub', [...beyond]))]), bound.shape);
      const bounds = [
        low && needs(1) ? to(low, [low, x!]) : undefined,
        high && needs(2) ? to(high, [x!, high]) : undefined,
      ];
      let g = grads[0]!;
      if (low) g = b.op('Mul', [g, mask(b, b.op('Sub', [x, low]))]);
      if (high) g = b.op('Mul', [g, mask(b, b.op('Sub', [high, x]))]);
      return [g, ...bounds];
    },
  },
  Softmax: {
    arity: [1, 1],
    infer: (ctx) => [typeAt(ctx, 0)],
    // dx = y (g - sum(g y)) along the axis
    grad: ({ b, outputs, grads, attrs }) => {
      const [y, g] = [outputs[0]!, grads[0]!];
      const axis = typeof attrs.axis === 'number' ? attrs.axis : -1;
      const sum = b.op('ReduceSum', [b.op('Mul', [g, y]), b.ints([axis])], { keepdims: 1 });
      return [b.op('Mul', [y, b.op('Sub', [g, sum])])];
    },
  },
  PRelu: {
    arity: [2, 2],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: ({ b, inputs, grads, needs }) => {
      const [x, alpha] = inputs as [Value, Value];
      const above = mask(b, x);
      const beneath = b.op('Sub', [b.scalar(1), above]);
      const below = b.op('Mul', [beneath, alpha]);
      const dslope = () => unbroadcast(b, b.op('Mul', [grads[0]!, b.op('Mul', [x, beneath])]), alpha.shape);
      const dx = b.op('Mul', [grads[0]!, b.op('Add', [above, below])]);
      if (!sameShape(dx.shape, x.shape))
        throw new Error(`slope [${alpha.shape}] does not broadcast to [${x.shape}]`);
      return [dx, needs(1) ? dslope() : undefined];
    },
  },
};
