/** Elementwise arithmetic with broadcasting: y_i = f(a_i, b_i). */
import type { GraphBuilder } from '../builder.js';
import type { Type, Value } from '../ir.js';
import { DTYPE_CODES, dtypeOfCode } from '../onnx.js';
import { numbersOf } from '../tensor.js';
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

const broadcastInfer = (ctx: InferContext): Type[] => [
  { dtype: commonDtype(ctx), shape: broadcast(...ctx.inputs.flatMap((t) => (t ? [t.shape] : []))) },
];

/** A binary op by its two partial derivatives times the incoming gradient. */
function binary(dx: BinaryGrad, dy: BinaryGrad): OpRule {
  return {
    arity: [2, 2],
    infer: broadcastInfer,
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

const neg = (b: GraphBuilder, x: Value): Value => b.op('Neg', [x]);
const mul = (b: GraphBuilder, x: Value, y: Value): Value => b.op('Mul', [x, y]);
const div = (b: GraphBuilder, x: Value, y: Value): Value => b.op('Div', [x, y]);

/** g p x^(p-1); 0 for p = 0, also at x = 0. */
function powerRule(b: GraphBuilder, g: Value, x: Value, exponent: Value): Value {
  const known = b.constantOf(exponent.name);
  const values = known && numbersOf(known);
  const [only] = values ?? [];
  if (values?.length === 1 && only === 1) return g;
  if (values?.length === 1 && only === 2) return mul(b, g, mul(b, x, b.scalar(2)));
  const p = exponent.dtype === x.dtype ? exponent : b.op('Cast', [exponent], { to: DTYPE_CODES[x.dtype] });
  const slope = mul(b, p, b.op('Pow', [x, b.op('Sub', [p, b.scalar(1)])]));
  const safe = values?.every((each) => each !== 0)
    ? slope
    : b.op('Where', [b.op('Equal', [p, b.scalar(0)]), b.scalar(0), slope]);
  return mul(b, g, safe);
}

const logOfPositive = (b: GraphBuilder, x: Value): Value =>
  b.op('Log', [b.op('Where', [b.op('Greater', [x, b.scalar(0)]), x, b.scalar(1)])]);

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
  /** The exponent may be of another element type than the base, as when it is a whole number. */
  Pow: {
    arity: [2, 2],
    infer: (ctx) => [
      { dtype: typeAt(ctx, 0).dtype, shape: broadcast(typeAt(ctx, 0).shape, typeAt(ctx, 1).shape) },
    ],
    grad: ({ b, inputs, outputs, grads, needs }) => {
      const [x, p] = inputs as [Value, Value];
      const [y, g] = [outputs[0]!, grads[0]!];
      return [
        needs(0) ? unbroadcast(b, powerRule(b, g, x, p), x.shape) : undefined,
        // d(x^p)/dp = x^p ln x, taken as 0 where x is not positive
        needs(1) ? unbroadcast(b, mul(b, g, mul(b, y, logOfPositive(b, x))), p.shape) : undefined,
      ];
    },
  },
  /** y = x - n d for the whole number n that makes it a remainder, so that dy/dd = -n = (y - x) / d. */
  Mod: binary(
    (_b, g) => g,
    (b, g, x, d, y) => mul(b, g, div(b, b.op('Sub', [y, x]), d)),
  ),
  Neg: unary(({ b, g }) => neg(b, g)),
  Abs: unary(({ b, g, x }) => mul(b, g, b.op('Sign', [x]))),
  Exp: unary(({ b, g, y }) => mul(b, g, y)),
  Log: unary(({ b, g, x }) => div(b, g, x)),
  Sqrt: unary(({ b, g, y }) => div(b, g, mul(b, y, b.scalar(2)))),
  Reciprocal: unary(({ b, g, y }) => neg(b, mul(b, g, mul(b, y, y)))),
  Sin: unary(({ b, g, x }) => mul(b, g, b.op('Cos', [x]))),
  Cos: unary(({ b, g, x }) => neg(b, mul(b, g, b.op('Sin', [x])))),
  // y' = 1 + y^2
  Tan: unary(({ b, g, y }) => mul(b, g, b.op('Add', [mul(b, y, y), b.scalar(1)]))),
  // y' = 1 / (1 + x^2)
  Atan: unary(({ b, g, x }) => div(b, g, b.op('Add', [mul(b, x, x), b.scalar(1)]))),
  // y' = 1 / sqrt(1 - x^2)
  Asin: unary(({ b, g, x }) => div(b, g, b.op('Sqrt', [b.op('Sub', [b.scalar(1), mul(b, x, x)])]))),
  Acos: unary(({ b, g, x }) => neg(b, div(b, g, b.op('Sqrt', [b.op('Sub', [b.scalar(1), mul(b, x, x)])])))),
  // y' = 1 / sqrt(x^2 + 1), sqrt(x^2 - 1), 1 - x^2
  Asinh: unary(({ b, g, x }) => div(b, g, b.op('Sqrt', [b.op('Add', [mul(b, x, x), b.scalar(1)])]))),
  Acosh: unary(({ b, g, x }) => div(b, g, b.op('Sqrt', [b.op('Sub', [mul(b, x, x), b.scalar(1)])]))),
  Atanh: unary(({ b, g, x }) => div(b, g, b.op('Sub', [b.scalar(1), mul(b, x, x)]))),
  Sinh: unary(({ b, g, x }) => mul(b, g, b.op('Cosh', [x]))),
  Cosh: unary(({ b, g, x }) => mul(b, g, b.op('Sinh', [x]))),
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
      return [b.op('Cast', [grads[0]!], { to: DTYPE_CODES[dtype] })];
    },
  },
};
