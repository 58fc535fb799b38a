/** Ops whose values move in steps or do not depend on the data at all: shapes, counts, comparisons. Their gradient is zero. */
import type { Type } from '../ir.js';
import { type DType, numbersOf } from '../tensor.js';
import {
  axisOf,
  broadcast,
  commonDtype,
  constantInts,
  type InferContext,
  intAttr,
  NotConstant,
  type OpRule,
  tensorAttr,
  typeAt,
} from './rule.js';

const stepwise = (dtype?: DType): OpRule => ({
  arity: [1, 1],
  infer: (ctx) => [{ dtype: dtype ?? typeAt(ctx, 0).dtype, shape: typeAt(ctx, 0).shape }],
  grad: false,
});

const pairwise = (dtype?: DType): OpRule => ({
  arity: [2, 2],
  infer: (ctx) => {
    const common = commonDtype(ctx);
    return [{ dtype: dtype ?? common, shape: broadcast(typeAt(ctx, 0).shape, typeAt(ctx, 1).shape) }];
  },
  grad: false,
});

/** The place of an extremum along one axis. */
const placeOf: OpRule = {
  arity: [1, 1],
  infer: (ctx) => {
    const { shape } = typeAt(ctx, 0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), shape.length);
    const kept = shape.map((d, i) => (i === axis ? 1 : d));
    return [
      {
        dtype: 'int64',
        shape: intAttr(ctx.attrs, 'keepdims', 1) === 1 ? kept : kept.filter((_, i) => i !== axis),
      },
    ];
  },
  grad: false,
};

function shapeType(ctx: InferContext): Type[] {
  const [from, to] = shapeRange(typeAt(ctx, 0).shape.length, ctx.attrs);
  return [{ dtype: 'int64', shape: [Math.max(0, to - from)] }];
}

/** The axes start..end that a Shape node gives the sizes of, clamped. */
export function shapeRange(rank: number, attrs: InferContext['attrs']): [from: number, to: number] {
  const clamp = (x: number) => Math.min(Math.max(x < 0 ? x + rank : x, 0), rank);
  return [clamp(intAttr(attrs, 'start', 0)), clamp(intAttr(attrs, 'end', rank))];
}

export const discrete: Readonly<Record<string, OpRule>> = {
  Sign: stepwise(),
  Floor: stepwise(),
  Ceil: stepwise(),
  Round: stepwise(),
  Not: stepwise(),
  IsNaN: stepwise('bool'),
  IsInf: stepwise('bool'),
  And: pairwise(),
  Or: pairwise(),
  Xor: pairwise(),
  Equal: pairwise('bool'),
  Greater: pairwise('bool'),
  GreaterOrEqual: pairwise('bool'),
  Less: pairwise('bool'),
  LessOrEqual: pairwise('bool'),
  ArgMax: placeOf,
  ArgMin: placeOf,
  Shape: { arity: [1, 1], infer: shapeType, grad: false },
  Size: {
    arity: [1, 1],
    infer: (ctx) => {
      typeAt(ctx, 0);
      return [{ dtype: 'int64', shape: [] }];
    },
    grad: false,
  },
  ConstantOfShape: {
    arity: [1, 1],
    infer: (ctx) => [
      {
        dtype: tensorAttr(ctx.attrs, 'value')?.dtype ?? 'float32',
        shape: constantInts(ctx, 0, 'the shape'),
      },
    ],
    grad: false,
  },
  Range: {
    arity: [3, 3],
    infer: (ctx) => {
      const dtype = commonDtype(ctx);
      const [start, limit, delta] = ['start', 'limit', 'delta'].map(
        (what, i) => constantInts(ctx, i, what)[0]!,
      );
      return [{ dtype, shape: [Math.max(0, Math.ceil((limit! - start!) / delta!))] }];
    },
    grad: false,
  },
  /** [rank, count]: how many there are must be known. */
  NonZero: {
    arity: [1, 1],
    infer: (ctx) => {
      const tensor = ctx.constant(0);
      if (!tensor) throw new NotConstant(0, 'what decides the number of results');
      return [
        { dtype: 'int64', shape: [tensor.shape.length, numbersOf(tensor).filter((x) => x !== 0).length] },
      ];
    },
    grad: false,
  },
};
