/** Parts of a tensor by ranges along its axes: the gradient of each puts the part back among zeros. */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import { sizeOf } from '../tensor.js';
import { reshape } from './resample.js';
import { axisOf, constantInts, type InferContext, intsOf, type OpRule, typeAt } from './rule.js';

export interface Range {
  readonly axis: number;
  readonly from: number;
  /** Negative to walk backwards. */
  readonly step: number;
  readonly count: number;
}

interface Bounds {
  starts: readonly number[];
  ends: readonly number[];
  axes?: readonly number[];
  steps?: readonly number[];
}

/** The ranges of a Slice, each axis resolved and clamped as the ONNX specification says. */
function rangesOf(shape: readonly number[], { starts, ends, axes, steps }: Bounds): Range[] {
  return starts.map((start, i) => {
    const axis = axisOf(axes ? axes[i]! : i, shape.length);
    const [size, step] = [shape[axis]!, steps?.[i] ?? 1];
    if (step === 0) throw new Error('expected a step other than 0');
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const clamp = (x: number, least: number) => Math.min(Math.max(x < 0 ? x + size : x, least), high);
    const [from, to] = [clamp(start, Math.max(low, 0)), clamp(ends[i]!, low)];
    return { axis, from, step, count: Math.max(0, Math.ceil((to - from) / step)) };
  });
}

/** The ranges of a Slice node with constant bounds. */
export function sliceRanges(ctx: InferContext): Range[] {
  return rangesOf(typeAt(ctx, 0).shape, {
    starts: constantInts(ctx, 1, 'starts'),
    ends: constantInts(ctx, 2, 'ends'),
    axes: ctx.inputs[3] && constantInts(ctx, 3, 'axes'),
    steps: ctx.inputs[4] && constantInts(ctx, 4, 'steps'),
  });
}

const zerosBut = (rank: number, axis: number, at: number): number[] =>
  Array.from({ length: rank }, (_, i) => (i === axis ? at : 0));

/** Zeros before and after along one axis; negative numbers cut. */
function padAxis(b: GraphBuilder, x: Value, axis: number, before: number, after: number): Value {
  if (before === 0 && after === 0) return x;
  const rank = x.shape.length;
  return b.op('Pad', [x, b.ints([...zerosBut(rank, axis, before), ...zerosBut(rank, axis, after)])]);
}

/** Puts `step` - 1 zeros after every element along an axis: a new axis of 1, padded. */
function spread(b: GraphBuilder, x: Value, axis: number, step: number): Value {
  const trailing = x.shape.slice(axis + 1);
  const columns = reshape(b, x, [sizeOf(x.shape.slice(0, axis + 1)), 1, sizeOf(trailing)]);
  return reshape(b, padAxis(b, columns, 1, 0, step - 1), [
    ...x.shape.slice(0, axis),
    x.shape[axis]! * step,
    ...trailing,
  ]);
}

/** The elements along an axis in reverse order. */
function reversed(b: GraphBuilder, x: Value, axis: number): Value {
  return b.op('Slice', [x, b.ints([-1]), b.ints([-1 - x.shape[axis]!]), b.ints([axis]), b.ints([-1])]);
}

/** The gradient of a whole tensor from that of one range of it. */
function putBack(b: GraphBuilder, g: Value, { axis, from, step, count }: Range, size: number): Value {
  const forward = step < 0 && count > 1 ? reversed(b, g, axis) : g;
  const first = step < 0 ? from + (count - 1) * step : from;
  const stride = count > 1 ? Math.abs(step) : 1;
  const apart = stride > 1 ? spread(b, forward, axis, stride) : forward;
  return padAxis(b, apart, axis, first, size - first - count * stride);
}

export const slice: Readonly<Record<string, OpRule>> = {
  Slice: {
    arity: [3, 5],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const out = [...shape];
      for (const { axis, count } of sliceRanges(ctx)) out[axis] = count;
      return [{ dtype, shape: out }];
    },
    grad: ({ b, inputs, grads }) => {
      const [x, starts, ends, axes, steps] = inputs as Value[];
      const ranges = rangesOf(x!.shape, {
        starts: intsOf(b, starts!, 'starts'),
        ends: intsOf(b, ends!, 'ends'),
        axes: axes && intsOf(b, axes, 'axes'),
        steps: steps && intsOf(b, steps, 'steps'),
      });
      // Neighbouring plain ranges go back in one Pad.
      const plain = ranges.filter(({ step }) => step === 1);
      let g = grads[0]!;
      for (const range of ranges.filter(({ step }) => step !== 1))
        g = putBack(b, g, range, x!.shape[range.axis]!);
      const edges = (of: (range: Range) => number) =>
        x!.shape.map((_, axis) => plain.filter((r) => r.axis === axis).reduce((n, r) => n + of(r), 0));
      const pads = [
        ...edges(({ from }) => from),
        ...edges(({ axis, from, count }) => x!.shape[axis]! - from - count),
      ];
      return [pads.some((p) => p > 0) ? b.op('Pad', [g, b.ints(pads)]) : g];
    },
  },
};
