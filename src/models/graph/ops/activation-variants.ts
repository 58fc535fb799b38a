/** Activations beside the common ones (activation.ts), each by its derivative. */
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Value } from '../ir.js';
import { unary } from './elementwise.js';
import { mask } from './mask.js';
import { axisOf, intAttr, type OpRule, typeAt } from './rule.js';

const mul = (b: GraphBuilder, x: Value, y: Value): Value => b.op('Mul', [x, y]);
const plus = (b: GraphBuilder, x: Value, k: number): Value => b.op('Add', [x, b.scalar(k)]);

/** Parameters of ONNX's defaults, where a node leaves them out. */
const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 };

/** `above` where x > 0, else the given slope. */
const aboveZero = (b: GraphBuilder, x: Value, above: number, below: Value): Value =>
  b.op('Where', [b.op('Greater', [x, b.scalar(0)]), b.scalar(above), below]);

/** 1 strictly inside 0..1, else 0. */
const inside = (b: GraphBuilder, y: Value): Value =>
  mul(b, mask(b, y), mask(b, b.op('Sub', [b.scalar(1), y])));

const real = (attrs: Attributes, name: string, otherwise: number): number => intAttr(attrs, name, otherwise);

export const activationVariants: Readonly<Record<string, OpRule>> = {
  LogSoftmax: {
    arity: [1, 1],
    infer: (ctx) => [typeAt(ctx, 0)],
    // dx = g - exp(y) sum(g) along the axis
    grad: ({ b, outputs, grads, attrs }) => {
      const [y, g] = [outputs[0]!, grads[0]!];
      const axis = axisOf(intAttr(attrs, 'axis', -1), y.shape.length);
      const sum = b.op('ReduceSum', [g, b.ints([axis])], { keepdims: 1 });
      return [b.op('Sub', [g, mul(b, b.op('Exp', [y]), sum)])];
    },
  },
  // below 0: y = alpha (e^x - 1), y' = y + alpha
  Elu: unary(({ b, g, x, y, ctx }) => mul(b, g, aboveZero(b, x, 1, plus(b, y, real(ctx.attrs, 'alpha', 1))))),
  // gamma times Elu
  Selu: unary(({ b, g, x, y, ctx }) => {
    const gamma = real(ctx.attrs, 'gamma', SELU.gamma);
    return mul(b, g, aboveZero(b, x, gamma, plus(b, y, gamma * real(ctx.attrs, 'alpha', SELU.alpha))));
  }),
  // below 0: y = alpha (e^(x / alpha) - 1), y' = y / alpha + 1
  Celu: unary(({ b, g, x, y, ctx }) => {
    const scaled = mul(b, y, b.scalar(1 / real(ctx.attrs, 'alpha', 1)));
    return mul(b, g, aboveZero(b, x, 1, plus(b, scaled, 1)));
  }),
  ThresholdedRelu: unary(({ b, g, x, ctx }) => mul(b, g, mask(b, plus(b, x, -real(ctx.attrs, 'alpha', 1))))),
  // y = x / (1 + |x|), y' = (1 - |y|)^2
  Softsign: unary(({ b, g, y }) => {
    const rest = b.op('Sub', [b.scalar(1), b.op('Abs', [y])]);
    return mul(b, g, mul(b, rest, rest));
  }),
  // y = alpha x + beta, clipped to 0..1
  HardSigmoid: unary(({ b, g, y, ctx }) =>
    mul(b, g, mul(b, inside(b, y), b.scalar(real(ctx.attrs, 'alpha', 0.2)))),
  ),
  // y = x h, h = x / 6 + 1/2 clipped to 0..1
  HardSwish: unary(({ b, g, x }) => {
    const h = b.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 });
    const slope = mul(b, mul(b, x, b.scalar(1 / 6)), inside(b, h));
    return mul(b, g, b.op('Add', [h, slope]));
  }),
  // y = x t, t = tanh(softplus x), t' = (1 - t^2) sigmoid(x)
  Mish: unary(({ b, g, x }) => {
    const t = b.op('Tanh', [b.op('Softplus', [x])]);
    const slope = mul(b, b.op('Sub', [b.scalar(1), mul(b, t, t)]), b.op('Sigmoid', [x]));
    return mul(b, g, b.op('Add', [t, mul(b, x, slope)]));
  }),
};
