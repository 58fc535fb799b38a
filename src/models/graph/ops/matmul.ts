/** Matrix products. y = A B gives dA = dy B^T and dB = A^T dy. */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import { broadcast, intAttr, type OpRule, typeAt, unbroadcast } from './rule.js';

/** Swaps the last two axes. */
function transposed(b: GraphBuilder, x: Value): Value {
  const perm = x.shape.map((_, i) => i);
  const rank = perm.length;
  [perm[rank - 2], perm[rank - 1]] = [perm[rank - 1]!, perm[rank - 2]!];
  return b.op('Transpose', [x], { perm });
}

export const matmul: Readonly<Record<string, OpRule>> = {
  MatMul: {
    arity: [2, 2],
    infer: (ctx) => {
      const [x, y] = [typeAt(ctx, 0), typeAt(ctx, 1)];
      if (x.shape.length < 2 || y.shape.length < 2)
        throw new Error('expected matrices, at least rank 2 on both sides');
      if (x.shape.at(-1) !== y.shape.at(-2))
        throw new Error(`inner sizes ${x.shape.at(-1)} and ${y.shape.at(-2)} differ`);
      return [
        {
          dtype: x.dtype,
          shape: [...broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2)), x.shape.at(-2)!, y.shape.at(-1)!],
        },
      ];
    },
    grad: ({ b, inputs, grads, needs }) => {
      const [x, y] = inputs as [Value, Value];
      const g = grads[0]!;
      return [
        needs(0) ? unbroadcast(b, b.op('MatMul', [g, transposed(b, y)]), x.shape) : undefined,
        needs(1) ? unbroadcast(b, b.op('MatMul', [transposed(b, x), g]), y.shape) : undefined,
      ];
    },
  },
  /** y = alpha A' B' + beta C, each transposed where asked. */
  Gemm: {
    arity: [2, 3],
    infer: (ctx) => {
      const [x, y] = [typeAt(ctx, 0), typeAt(ctx, 1)];
      const [n, k] = intAttr(ctx.attrs, 'transA', 0)
        ? [x.shape[1]!, x.shape[0]!]
        : [x.shape[0]!, x.shape[1]!];
      const [inner, m] = intAttr(ctx.attrs, 'transB', 0)
        ? [y.shape[1]!, y.shape[0]!]
        : [y.shape[0]!, y.shape[1]!];
      if (x.shape.length !== 2 || y.shape.length !== 2 || k !== inner) {
        throw new Error(
          `expected matrices with equal inner sizes but received [${x.shape}] and [${y.shape}]`,
        );
      }
      return [{ dtype: x.dtype, shape: [n, m] }];
    },
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, y, c] = inputs as [Value, Value, Value | undefined];
      const [transA, transB] = [intAttr(attrs, 'transA', 0), intAttr(attrs, 'transB', 0)];
      const [alpha, beta] = [intAttr(attrs, 'alpha', 1), intAttr(attrs, 'beta', 1)];
      const g = grads[0]!;
      const product = (left: Value, right: Value, leftT: number, rightT: number) =>
        b.op('Gemm', [left, right], { alpha, transA: leftT, transB: rightT });
      const dx = () => (transA ? product(y, g, transB, 1) : product(g, y, 0, 1 - transB));
      const dy = () => (transB ? product(g, x, 1, transA) : product(x, g, 1 - transA, 0));
      const dc = () => unbroadcast(b, beta === 1 ? g : b.op('Mul', [g, b.scalar(beta)]), c!.shape);
      return [needs(0) ? dx() : undefined, needs(1) ? dy() : undefined, needs(2) ? dc() : undefined];
    },
  },
};
