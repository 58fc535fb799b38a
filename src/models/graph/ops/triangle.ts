/** Triangles: a part of a matrix, and the running sum, a product with a triangle of ones. Their transposes carry gradients. */
import { constantInts, intAttr, type OpRule, typeAt } from './rule.js';

export const triangle: Readonly<Record<string, OpRule>> = {
  Trilu: {
    arity: [1, 2],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: ({ b, inputs, grads, attrs }) => [b.op('Trilu', [grads[0], inputs[1]], attrs)],
  },
  /** Summed from the other end. */
  CumSum: {
    arity: [2, 2],
    infer: (ctx) => {
      constantInts(ctx, 1, 'the axis');
      return [typeAt(ctx, 0)];
    },
    grad: ({ b, inputs, grads, attrs }) => [
      b.op('CumSum', [grads[0], inputs[1]], { ...attrs, reverse: 1 - intAttr(attrs, 'reverse', 0) }),
    ],
  },
};
