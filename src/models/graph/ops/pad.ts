/** Padding by constants, by reflection, by repetition of the edge, or around; negative pads cut. */

import { upTo } from '../data.js';
import type { Value } from '../ir.js';
import { scatterAxis } from './resample.js';
import { axisOf, constantInts, intsOf, type OpRule, stringAttr, typeAt } from './rule.js';

/** Pads of every axis: all befores, then all afters. */
function padsOf(rank: number, given: readonly number[], axes: readonly number[] = upTo(rank)): number[] {
  if (given.length !== 2 * axes.length)
    throw new Error(`expected ${2 * axes.length} pads but received ${given.length}`);
  const pads = new Array<number>(2 * rank).fill(0);
  axes.forEach((a, i) => {
    const axis = axisOf(a, rank);
    pads[axis] = given[i]!;
    pads[axis + rank] = given[i + axes.length]!;
  });
  return pads;
}

type Source = (i: number, size: number) => number;

/** Which element of an axis of `size` stands at place i, which may lie outside. */
const SOURCES: Readonly<Record<string, Source>> = {
  edge: (i, size) => Math.min(Math.max(i, 0), size - 1),
  reflect: (i, size) => {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const at = ((i % period) + period) % period;
    return Math.min(at, period - at);
  },
  wrap: (i, size) => ((i % size) + size) % size,
};

export const pad: Readonly<Record<string, OpRule>> = {
  Pad: {
    arity: [2, 4],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const mode = stringAttr(ctx.attrs, 'mode', 'constant');
      if (mode !== 'constant' && !SOURCES[mode])
        throw new Error(`pads by '${mode}', expected constant, ${Object.keys(SOURCES).join(', ')}`);
      const axes = ctx.inputs[3] && constantInts(ctx, 3, 'axes');
      const pads = padsOf(shape.length, constantInts(ctx, 1, 'pads'), axes);
      const padded = shape.map((d, i) => d + pads[i]! + pads[i + shape.length]!);
      if (padded.some((d) => d < 0)) throw new Error(`pads [${pads}] cut more than there is`);
      return [{ dtype, shape: padded }];
    },
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, given, value, axes] = inputs as [Value, Value, Value | undefined, Value | undefined];
      if (value && needs(2)) throw new Error('the value that is padded with must be a constant');
      const rank = x.shape.length;
      const pads = padsOf(rank, intsOf(b, given, 'pads'), axes && intsOf(b, axes, 'axes'));
      const source = SOURCES[stringAttr(attrs, 'mode', 'constant')];
      let g = grads[0]!;
      // What was added is cut off again, and what was cut off comes back as zeros.
      if (!source) return [pads.some((p) => p !== 0) ? b.op('Pad', [g, b.ints(pads.map((p) => -p))]) : g];
      x.shape.forEach((size, axis) => {
        const [before, after] = [pads[axis]!, pads[axis + rank]!];
        if (before === 0 && after === 0) return;
        const indices = upTo(size + before + after).map((i) => source(i - before, size));
        g = scatterAxis(b, g, axis, size, indices);
      });
      return [g];
    },
  },
};
