/** Elementwise arithmetic with broadcasting: y_i = f(a_i, b_i). */
import type { GraphBuilder } from '../builder.js';
import type { Type, Value } from '../ir.js';
import { dtypeOfCode } from '../onnx.js';
import type { DType } from '../tensor.js';
import {
  broadcast,
  commonDtype,
  type GradContext,
  type InferContext,
  intAttr,
  type OpRule,
  typeAt,
  unbroadcast,
} from './rule.js';

type BinaryGrad = (b: GraphBuilder, g: Value, x: Value, y: Value, out: Value) => Value;

const broadcastInfer =
  (dtype?: DType) =>
  (ctx: InferContext): Type[] => {
    const common = commonDtype(ctx);
    return [{ dtype: dtype ?? common, shape: broadcast(...ctx.inputs.flatMap((t) => (t ? [t.shape] : []))) }];
  };

/** A binary op by its two partial derivatives times the incoming gradient. */
function binary(dx: BinaryGrad, dy: BinaryGrad): OpRule {
  return {
    arity: [2, 2],
    infer: broadcastInfer(),
    grad: ({ b, inputs, outputs, grads, needs }) => {
      const [x, y] = inputs as [Value, Value];
      const rules = [dx, dy];
      return [x, y].map((input, i) =>
        needs(i) ? unbroadcast(b, rules[i]!(b, grads[0]!, x, y, outputs[0]!), input.shape) : undefined,
      );
    },
  };
}

/** A unary op by its derivative times the incoming gradient; `y` is the op's own output. */
export function unary(
  grad: (ctx: { b: GraphBuilder; g: Value; x: Value; y: Value; ctx: GradContext }) => Value,
): OpRule {
  return {
    arity: [1, 1],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: (ctx) => [grad({ b: ctx.b, g: ctx.grads[0]!, x: ctx.inputs[0]!, y: ctx.outputs[0]!, ctx })],
  };
}

const comparison: OpRule = { arity: [2, 2], infer: broadcastInfer('bool'), grad: false };

const neg = (b: GraphBuilder, x: Value): Value => b.op('Neg', [x]);
const mul = (b: GraphBuilder, x: Value, y: Value): Value => b.op('Mul', [x, y]);
const div = (b: GraphBuilder, x: Value, y: Value): Value => b.op('Div', [x, y]);

export const elementwise: Readonly<Record<string, OpRule>> = {
  Identity: unary(({ g }) => g),
  Add: binary(
    (_b, g) => g,
    (_b, g) => g,
  ),
  Sub: binary(
    (_b, g) => g,
    (b, g) => neg(b, g),
  ),
  Mul: binary(
    (b, g, _x, y) => mul(b, g, y),
    (b, g, x) => mul(b, g, x),
  ),
  Div: binary(
    (b, g, _x, y) => div(b, g, y),
    // d(x/y)/dy = -x/y^2 = -out/y
    (b, g, _x, y, out) => neg(b, div(b, mul(b, g, out), y)),
  ),
  Pow: binary(
    // d(x^p)/dx = p x^(p-1)
    (b, g, x, p) => mul(b, g, mul(b, p, b.op('Pow', [x, b.op('Sub', [p, b.scalar(1)])]))),
    // d(x^p)/dp = x^p ln x
    (b, g, x, _p, out) => mul(b, g, mul(b, out, b.op('Log', [x]))),
  ),
  Neg: unary(({ b, g }) => neg(b, g)),
  Abs: unary(({ b, g, x }) => mul(b, g, b.op('Sign', [x]))),
  Exp: unary(({ b, g, y }) => mul(b, g, y)),
  Log: unary(({ b, g, x }) => div(b, g, x)),
  Sqrt: unary(({ b, g, y }) => div(b, g, mul(b, y, b.scalar(2)))),
  Reciprocal: unary(({ b, g, y }) => neg(b, mul(b, g, mul(b, y, y)))),
  Sign: { arity: [1, 1], infer: (ctx) => [typeAt(ctx, 0)], grad: false },
  Floor: { arity: [1, 1], infer: (ctx) => [typeAt(ctx, 0)], grad: false },
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  Not: { arity: [1, 1], infer: (ctx) => [typeAt(ctx, 0)], grad: false },
  Where: {
    arity: [3, 3],
    infer: (ctx) => {
      const [condition, x, y] = [typeAt(ctx, 0), typeAt(ctx, 1), typeAt(ctx, 2)];
      if (condition.dtype !== 'bool')
        throw new Error(`expected a boolean condition but received ${condition.dtype}`);
      if (x.dtype !== y.dtype)
        throw new Error(`expected branches of one element type but received ${x.dtype}, ${y.dtype}`);
      return [{ dtype: x.dtype, shape: broadcast(condition.shape, x.shape, y.shape) }];
    },
    grad: ({ b, inputs, grads, needs }) => {
      const [condition, x, y] = inputs as [Value, Value, Value];
      const g = grads[0]!;
      const zero = b.scalar(0);
      return [
        undefined,
        needs(1) ? unbroadcast(b, b.op('Where', [condition, g, zero]), x.shape) : undefined,
        needs(2) ? unbroadcast(b, b.op('Where', [condition, zero, g]), y.shape) : undefined,
      ];
    },
  },
  Cast: {
    arity: [1, 1],
    infer: (ctx) => {
      const dtype = dtypeOfCode(intAttr(ctx.attrs, 'to', 0));
      if (!dtype) throw new Error(`casts to element type ${ctx.attrs.to}, which is not supported`);
      return [{ dtype, shape: typeAt(ctx, 0).shape }];
    },
    grad: ({ b, inputs, grads }) => {
      const { dtype } = inputs[0]!;
      if (!dtype.startsWith('float')) return [undefined];
      return [b.op('Cast', [grads[0]!], { to: castCode(dtype) })];
    },
  },
};

/** ONNX code of a floating point type. */
function castCode(dtype: DType): number {
  return dtype === 'float16' ? 10 : dtype === 'float64' ? 11 : 1;
}
