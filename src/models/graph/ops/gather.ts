/** Elements picked by index, and put by index: each is the gradient of the other. */

import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Value } from '../ir.js';
import { numbersOf, type Shape, sizeOf } from '../tensor.js';
import { reshape, scatterAxis, zeros } from './resample.js';
import { axisOf, constantInts, intAttr, type OpRule, sameShape, stringAttr, typeAt } from './rule.js';

/** The ways in which what is put joins what is there, as far as they have a gradient here. */
function reductionOf(attrs: Parameters<OpRule['infer']>[0]['attrs']): 'none' | 'add' {
  const reduction = stringAttr(attrs, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    throw new Error(`puts elements by '${reduction}', expected none or add`);
  return reduction;
}

/** Adds slice i of `g` along `axis` into the slice of zeros that the i-th index names at run time. */
function scatterAtRunTime(b: GraphBuilder, g: Value, axis: number, shape: Shape, indices: Value): Value {
  const rest = shape.length - 1;
  // ScatterND puts along the first axis: it is brought there and back.
  const first = [axis, ...upTo(rest + 1).filter((i) => i !== axis)];
  const rows = b.op('Transpose', [g], { perm: first });
  const column = b.op('Unsqueeze', [reshape(b, indices, [sizeOf(indices.shape)]), b.ints([-1])]);
  const target = zeros(
    b,
    first.map((i) => shape[i]!),
  );
  const put = b.op('ScatterND', [target, column, rows], { reduction: 'add' });
  return b.op('Transpose', [put], { perm: first.map((_, i) => first.indexOf(i)) });
}

export const gather: Readonly<Record<string, OpRule>> = {
  Gather: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), shape.length);
      const size = shape[axis]!;
      const wrong = ctx.constant(1) && numbersOf(ctx.constant(1)!).find((i) => i < -size || i >= size);
      if (wrong !== undefined) throw new Error(`index ${wrong} is outside axis ${axis} of size ${size}`);
      return [{ dtype, shape: [...shape.slice(0, axis), ...typeAt(ctx, 1).shape, ...shape.slice(axis + 1)] }];
    },
    grad: ({ b, inputs, grads, attrs }) => {
      const [x, indices] = inputs as [Value, Value];
      const axis = axisOf(intAttr(attrs, 'axis', 0), x.shape.length);
      const size = x.shape[axis]!;
      const picks = sizeOf(indices.shape);
      const g = reshape(b, grads[0]!, [...x.shape.slice(0, axis), picks, ...x.shape.slice(axis + 1)]);
      const known = b.constantOf(indices.name);
      if (!known) return [scatterAtRunTime(b, g, axis, x.shape, indices)];
      const picked = numbersOf(known).map((i) => (i < 0 ? i + size : i));
      return [scatterAxis(b, g, axis, size, picked)];
    },
  },
  GatherElements: {
    arity: [2, 2],
    infer: (ctx) => [{ dtype: typeAt(ctx, 0).dtype, shape: typeAt(ctx, 1).shape }],
    grad: ({ b, inputs, grads, attrs }) => {
      const [x, indices] = inputs as [Value, Value];
      const axis = intAttr(attrs, 'axis', 0);
      return [b.op('ScatterElements', [zeros(b, x.shape), indices, grads[0]!], { axis, reduction: 'add' })];
    },
  },
  ScatterElements: {
    arity: [3, 3],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [, indices, updates] = inputs as [Value, Value, Value];
      const axis = intAttr(attrs, 'axis', 0);
      const g = grads[0]!;
      // What was overwritten has no part in the result.
      const kept = () =>
        reductionOf(attrs) === 'add'
          ? g
          : b.op('ScatterElements', [g, indices, zeros(b, updates.shape)], { axis });
      return [
        needs(0) ? kept() : undefined,
        undefined,
        needs(2) ? b.op('GatherElements', [g, indices], { axis }) : undefined,
      ];
    },
  },
  GatherND: {
    arity: [2, 2],
    infer: (ctx) => {
      const [{ dtype, shape }, indices] = [typeAt(ctx, 0), typeAt(ctx, 1)];
      if (intAttr(ctx.attrs, 'batch_dims', 0) !== 0) throw new Error('expected batch_dims 0');
      return [{ dtype, shape: [...indices.shape.slice(0, -1), ...shape.slice(indices.shape.at(-1)!)] }];
    },
    grad: ({ b, inputs, grads }) => {
      const [x, indices] = inputs as [Value, Value];
      return [b.op('ScatterND', [zeros(b, x.shape), indices, grads[0]!], { reduction: 'add' })];
    },
  },
  ScatterND: {
    arity: [3, 3],
    infer: (ctx) => {
      const [{ dtype, shape }, indices, updates] = [typeAt(ctx, 0), typeAt(ctx, 1), typeAt(ctx, 2)];
      const expected = [...indices.shape.slice(0, -1), ...shape.slice(indices.shape.at(-1)!)];
      if (!sameShape(updates.shape, expected))
        throw new Error(`expected updates of shape [${expected}] but received [${updates.shape}]`);
      return [{ dtype, shape }];
    },
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [, indices, updates] = inputs as [Value, Value, Value];
      const g = grads[0]!;
      const kept = () =>
        reductionOf(attrs) === 'add' ? g : b.op('ScatterND', [g, indices, zeros(b, updates.shape)]);
      return [
        needs(0) ? kept() : undefined,
        undefined,
        needs(2) ? b.op('GatherND', [g, indices]) : undefined,
      ];
    },
  },
  /** The greatest or least elements along an axis, and where they stand. */
  TopK: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const [count] = constantInts(ctx, 1, 'the number of elements');
      const axis = axisOf(intAttr(ctx.attrs, 'axis', -1), shape.length);
      const chosen = shape.map((d, i) => (i === axis ? Math.min(d, count!) : d));
      return [
        { dtype, shape: chosen },
        { dtype: 'int64', shape: chosen },
      ];
    },
    grad: ({ b, inputs, outputs, grads, attrs }) => {
      const axis = intAttr(attrs, 'axis', -1);
      const put = [zeros(b, inputs[0]!.shape), outputs[1]!, grads[0]!];
      return [b.op('ScatterElements', put, { axis })];
    },
  },
};
