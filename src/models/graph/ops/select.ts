/** Ops that take a part of a tensor or surround one: the gradient of each puts the part back. */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import { f32, sizeOf } from '../tensor.js';
import { axisOf, constantInts, intAttr, intsOf, type OpRule, sameShape, stringAttr, typeAt } from './rule.js';

/** Starts, ends, axes and steps of a Slice, each axis resolved and clamped as the ONNX specification says. */
function sliceRanges(
  shape: readonly number[],
  starts: number[],
  ends: number[],
  axes: number[],
  steps: number[],
) {
  return starts.map((start, i) => {
    const axis = axisOf(axes[i]!, shape.length);
    const [size, step] = [shape[axis]!, steps[i] ?? 1];
    if (step < 1) throw new Error(`expected positive steps but received ${step}`);
    const clamp = (x: number) => Math.min(Math.max(x < 0 ? x + size : x, 0), size);
    const [from, to] = [clamp(start), clamp(ends[i]!)];
    return { axis, from, step, count: Math.max(0, Math.ceil((to - from) / step)) };
  });
}

export const select: Readonly<Record<string, OpRule>> = {
  Slice: {
    arity: [3, 5],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const starts = constantInts(ctx, 1, 'starts');
      const axes = ctx.inputs[3] ? constantInts(ctx, 3, 'axes') : starts.map((_, i) => i);
      const steps = ctx.inputs[4] ? constantInts(ctx, 4, 'steps') : starts.map(() => 1);
      const out = [...shape];
      for (const { axis, count } of sliceRanges(shape, starts, constantInts(ctx, 2, 'ends'), axes, steps))
        out[axis] = count;
      return [{ dtype, shape: out }];
    },
    // A constant 0/1 matrix puts a stepped slice back; an unstepped one is padded.
    grad: ({ b, inputs, grads }) => {
      const [x, starts, ends, axes, steps] = inputs as Value[];
      const from = intsOf(b, starts!, 'starts');
      const ranges = sliceRanges(
        x!.shape,
        from,
        intsOf(b, ends!, 'ends'),
        axes ? intsOf(b, axes, 'axes') : from.map((_, i) => i),
        steps ? intsOf(b, steps, 'steps') : from.map(() => 1),
      );
      let g = grads[0]!;
      for (const { axis, from, step, count } of ranges) {
        if (step !== 1) {
          g = scatterAxis(
            b,
            g,
            axis,
            x!.shape[axis]!,
            Array.from({ length: count }, (_, i) => from + i * step),
          );
          continue;
        }
        const before = x!.shape.map((_, i) => (i === axis ? from : 0));
        const after = x!.shape.map((d, i) => (i === axis ? d - from - count : 0));
        if ([...before, ...after].some((p) => p > 0)) g = b.op('Pad', [g, b.ints([...before, ...after])]);
      }
      return [g];
    },
  },
  Pad: {
    arity: [2, 4],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      if (stringAttr(ctx.attrs, 'mode', 'constant') !== 'constant')
        throw new Error(`pads by '${ctx.attrs.mode}', expected 'constant'`);
      if (ctx.inputs[3]) throw new Error('expected pads for all axes but received a list of axes');
      const pads = constantInts(ctx, 1, 'pads');
      return [{ dtype, shape: shape.map((d, i) => d + pads[i]! + pads[i + shape.length]!) }];
    },
    grad: ({ b, inputs, grads }) => {
      const { shape } = inputs[0]!;
      const pads = intsOf(b, inputs[1]!, 'pads');
      const starts = shape.map((_, i) => Math.max(0, pads[i]!));
      if (pads.some((p) => p < 0)) throw new Error('cannot be differentiated with negative pads');
      const ends = shape.map((d, i) => starts[i]! + d);
      return [
        b.op('Slice', [
          grads[0]!,
          b.ints(starts),
          b.ints(ends),
          b.ints(shape.map((_, i) => i)),
          b.ints(shape.map(() => 1)),
        ]),
      ];
    },
  },
  Gather: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), shape.length);
      return [{ dtype, shape: [...shape.slice(0, axis), ...typeAt(ctx, 1).shape, ...shape.slice(axis + 1)] }];
    },
    grad: ({ b, inputs, grads, attrs }) => {
      const [x, indices] = inputs as [Value, Value];
      const axis = axisOf(intAttr(attrs, 'axis', 0), x.shape.length);
      const picked = intsOf(b, indices, 'indices').map((i) => (i < 0 ? i + x.shape[axis]! : i));
      const flat = [...x.shape.slice(0, axis), picked.length, ...x.shape.slice(axis + 1)];
      const g = sameShape(grads[0]!.shape, flat) ? grads[0]! : b.op('Reshape', [grads[0]!, b.ints(flat)]);
      return [scatterAxis(b, g, axis, x.shape[axis]!, picked)];
    },
  },
};

/** Adds slice i of `g` along `axis` into slice `indices[i]` of zeros of `size`: a product with a constant 0/1 matrix. */
function scatterAxis(
  b: GraphBuilder,
  g: Value,
  axis: number,
  size: number,
  indices: readonly number[],
): Value {
  const matrix = new Float32Array(size * indices.length);
  indices.forEach((to, i) => {
    matrix[to * indices.length + i] = 1;
  });
  const oneHot = b.constant(f32(matrix, [size, indices.length]));
  const trailing = sizeOf(g.shape.slice(axis + 1));
  const leading = g.shape.slice(0, axis);
  const flat = b.op('Reshape', [g, b.ints([sizeOf(leading), indices.length, trailing])]);
  const scattered = b.op('MatMul', [oneHot, flat]);
  return b.op('Reshape', [scattered, b.ints([...leading, size, ...g.shape.slice(axis + 1)])]);
}
