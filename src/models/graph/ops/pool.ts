/** Pooling, differentiated as what it is: a convolution with constant kernels, and for the maximum a mask on its taps. */
import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Value } from '../ir.js';
import { f32, sizeOf } from '../tensor.js';
import { attained } from './mask.js';
import { type InferContext, intAttr, type OpRule, typeAt } from './rule.js';
import { skipped, slide, type Window, windowAttrs, windowOf } from './window.js';

/** Below every activation: the pad of a maximum. */
const LOWEST = -1e30;

function poolWindow(attrs: InferContext['attrs']): Window {
  const kernel = attrs.kernel_shape;
  if (!Array.isArray(kernel)) throw new Error('expected the attribute kernel_shape');
  return windowOf(attrs, kernel as number[]);
}

const poolInfer = (ctx: InferContext) => {
  const { dtype, shape } = typeAt(ctx, 0);
  if (intAttr(ctx.attrs, 'ceil_mode', 0) !== 0)
    throw new Error('expected ceil_mode 0: reading a file writes it out as pads');
  return [{ dtype, shape: [shape[0]!, shape[1]!, ...slide(poolWindow(ctx.attrs), shape.slice(2))] }];
};

/** [taps, 1, k...]: channel i of the convolution is the i-th element of each window. */
function tapKernels(b: GraphBuilder, kernel: readonly number[]): Value {
  const taps = sizeOf(kernel);
  const eye = Float32Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  return b.constant(f32(eye, [taps, 1, ...kernel]));
}

/** [1, 1, out...]: elements of each window by those of it that lie inside an input of `sizes`. */
function windowShares(b: GraphBuilder, w: Window, sizes: readonly number[]): Value {
  const counts = slide(w, sizes).map((out, axis) =>
    upTo(out).map((i) => {
      const first = i * w.strides[axis]! - w.pads[axis]!;
      return upTo(w.kernel[axis]!).filter((k) => {
        const at = first + k * w.dilations[axis]!;
        return at >= 0 && at < sizes[axis]!;
      }).length;
    }),
  );
  const products = counts.reduce((all, axis) => all.flatMap((n) => axis.map((m) => n * m)), [1]);
  const shares = products.map((n) => sizeOf(w.kernel) / n);
  return b.constant(f32(shares, [1, 1, ...counts.map((axis) => axis.length)]));
}

/** Whether the windows are blocks that cover the input, each element once. */
const inBlocks = (w: Window, sizes: readonly number[]): boolean =>
  w.kernel.every((k, i) => k === w.strides[i] && w.dilations[i] === 1 && sizes[i]! % k === 0) &&
  w.pads.every((p) => p === 0);

/** Every element copied to its block. */
function spreadOverBlocks(b: GraphBuilder, v: Value, { kernel }: Window): Value {
  const scales = b.constant(f32([1, 1, ...kernel], [kernel.length + 2]));
  const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return b.op('Resize', [v, undefined, scales], nearest);
}

/** The gradient of the maximum of blocks: dL/dx = [x = max] dL/dy / (how many elements of the block reach it). */
function maxOfBlocks(b: GraphBuilder, x: Value, y: Value, g: Value, w: Window): Value {
  const shortfall = b.op('Sub', [spreadOverBlocks(b, y, w), x]);
  if (b.isSteep(x.name)) b.markSteep(shortfall);
  const chosen = attained(b, shortfall);
  const share = b.op('AveragePool', [chosen], { kernel_shape: [...w.kernel], strides: [...w.strides] });
  const each = b.op('Div', [g, b.op('Mul', [share, b.scalar(sizeOf(w.kernel))])]);
  return b.op('Mul', [chosen, spreadOverBlocks(b, each, w)]);
}

export const pool: Readonly<Record<string, OpRule>> = {
  /** Ties share the gradient equally: a subgradient that treats all of them alike. */
  MaxPool: {
    arity: [1, 1],
    infer: poolInfer,
    grad: ({ b, inputs, outputs, grads, attrs }) => {
      const [x, y] = [inputs[0]!, outputs[0]!];
      const w = poolWindow(attrs);
      if (inBlocks(w, x.shape.slice(2))) return [maxOfBlocks(b, x, y, grads[0]!, w)];
      const rank = w.kernel.length;
      const rows = x.shape[0]! * x.shape[1]!;
      const asRows = (v: Value) => b.op('Reshape', [v, b.ints([rows, 1, ...v.shape.slice(2)])]);
      const edges = [0, 0, ...w.pads.slice(0, rank), 0, 0, ...w.pads.slice(rank)];
      const inner = edges.some((p) => p > 0)
        ? b.op('Pad', [asRows(x), b.ints(edges), b.scalar(LOWEST)])
        : asRows(x);
      const bare = { ...w, pads: w.pads.map(() => 0) };
      const kernels = tapKernels(b, w.kernel);
      const taps = b.op('Conv', [inner, kernels], windowAttrs(bare));
      const chosen = attained(b, b.op('Sub', [asRows(y), taps]));
      const ties = b.op('ReduceSum', [chosen, b.ints([1])], { keepdims: 1 });
      const shares = b.op('Mul', [chosen, b.op('Div', [asRows(grads[0]!), ties])]);
      const extra = skipped(bare, inner.shape.slice(2), y.shape.slice(2));
      const spread = b.op('ConvTranspose', [shares, kernels], {
        ...windowAttrs(bare),
        output_padding: extra,
      });
      const axes = w.kernel.map((_, i) => i + 2);
      const from = w.pads.slice(0, rank);
      const to = from.map((p, i) => p + x.shape[i + 2]!);
      const cut = edges.some((p) => p > 0)
        ? b.op('Slice', [spread, b.ints(from), b.ints(to), b.ints(axes), b.ints(axes.map(() => 1))])
        : spread;
      return [b.op('Reshape', [cut, b.ints(x.shape)])];
    },
  },
  AveragePool: {
    arity: [1, 1],
    infer: poolInfer,
    grad: ({ b, inputs, outputs, grads, attrs }) => {
      const [x, y] = [inputs[0]!, outputs[0]!];
      const w = poolWindow(attrs);
      const channels = x.shape[1]!;
      const n = sizeOf(w.kernel);
      if (inBlocks(w, x.shape.slice(2)))
        return [spreadOverBlocks(b, b.op('Mul', [grads[0]!, b.scalar(1 / n)]), w)];
      const kernel = f32(new Float32Array(channels * n).fill(1 / n), [channels, 1, ...w.kernel]);
      const extra = skipped(w, x.shape.slice(2), y.shape.slice(2));
      const partly = w.pads.some((p) => p > 0) && intAttr(attrs, 'count_include_pad', 0) === 0;
      // Where pads do not count, a window that reaches into them divides by less.
      const g = partly ? b.op('Mul', [grads[0]!, windowShares(b, w, x.shape.slice(2))]) : grads[0]!;
      return [
        b.op('ConvTranspose', [g, b.constant(kernel)], {
          ...windowAttrs(w),
          group: channels,
          output_padding: extra,
        }),
      ];
    },
  },
  GlobalAveragePool: {
    arity: [1, 1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      return [{ dtype, shape: [shape[0]!, shape[1]!, ...shape.slice(2).map(() => 1)] }];
    },
    grad: ({ b, inputs, grads }) => {
      const { shape } = inputs[0]!;
      const each = b.op('Mul', [grads[0]!, b.scalar(1 / sizeOf(shape.slice(2)))]);
      return [b.op('Expand', [each, b.ints(shape)])];
    },
  },
};
