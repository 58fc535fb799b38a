/** Ops that cut elements out, put them in, or surround them. */
import { i64, type Shape, sizeOf } from '../../../../../src/models/graph/tensor.js';
import type { Sketch, Term } from '../sketch.js';
import { anyAxis, anyRank, type Generator, type Generators, ints, ofRank, someAxes } from './generator.js';

const indices = (s: Sketch, list: readonly number[], shape: Shape): Term => ({
  value: s.b.constant(i64(list, shape)),
  bound: 0,
});

/** Few enough elements that picking several times keeps the result small. */
const pickable = (s: Sketch, least = 1): Term =>
  s.operand({
    fits: (shape) => ofRank(1, 4)(shape) && sizeOf(shape) <= 60 && Math.max(...shape) >= least,
    otherwise: () => [4, 3],
  });

/** An axis with a place in it, both counted from either end. */
function range(s: Sketch, axis: number, shape: Shape) {
  const size = shape[axis]!;
  const from = s.draw(size);
  const to = s.between(from + 1, size);
  const step = s.pick([1, 1, 2, 3]);
  const side = s.rarely(3) ? axis - shape.length : axis;
  if (s.rarely(4)) {
    // Backwards from the last place to the first one, which the end lies before.
    return { from: to - 1, to: from === 0 ? -size - 1 : from - 1, axis: side, step: -step };
  }
  return {
    from: s.rarely(3) ? from - size : from,
    // Ends may lie beyond the axis.
    to: to === size && s.rarely(2) ? size + 7 : to < size && s.rarely(3) ? to - size : to,
    axis: side,
    step,
  };
}

/** Distinct places along an axis of `size`: what is put twice has no defined result. */
function distinct(s: Sketch, count: number, size: number): number[] {
  const left = Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: count }, () => left.splice(s.draw(left.length), 1)[0]!);
}

/** How what is put joins what is there; added, it may be put twice. */
const joined = (s: Sketch) => s.pick([{ reduction: 'none' }, { reduction: 'add' }]);

const scatterElements: Generator = (s) => {
  const x = pickable(s, 2);
  const { shape } = x.value;
  const axis = anyAxis(s, shape.length);
  const at = axis < 0 ? axis + shape.length : axis;
  const size = shape[at]!;
  const count = s.between(1, size);
  const put = shape.map((d, i) => (i === at ? count : d));
  const attrs = joined(s);
  // One row of places serves all: they stay distinct along the axis.
  const places =
    attrs.reduction === 'add' ? Array.from({ length: count }, () => s.draw(size)) : distinct(s, count, size);
  const inner = sizeOf(shape.slice(at + 1));
  const list = Array.from({ length: sizeOf(put) }, (_, i) => places[Math.floor(i / inner) % count]!);
  s.emit('ScatterElements', [x, indices(s, list, put), s.parameter(put)], { axis, ...attrs }, 8 + 4 * count);
};

/** Reflection needs more elements than it adds, the other modes need some. */
function pads(s: Sketch, shape: Shape, mode: string): number[] {
  const edge = (size: number) => {
    if (mode === 'constant' && s.rarely(5)) return size > 2 ? -1 : 0;
    return s.rarely(2)
      ? Math.min(s.between(0, 2), mode === 'constant' ? 2 : mode === 'reflect' ? size - 1 : size)
      : 0;
  };
  return [...shape.map(edge), ...shape.map(edge)];
}

export const selection: Generators = {
  Slice: (s) => {
    const x = anyRank(s);
    const { shape } = x.value;
    const ranges = someAxes(s, shape.length).map((axis) => range(s, axis, shape));
    const list = (of: (r: (typeof ranges)[number]) => number) => ints(s, ranges.map(of));
    const steps = ranges.some((r) => r.step !== 1) || s.rarely(2) ? [list((r) => r.step)] : [];
    s.emit('Slice', [x, list((r) => r.from), list((r) => r.to), list((r) => r.axis), ...steps], {}, 4);
  },
  Pad: (s) => {
    const x = s.operand({
      fits: (shape) => ofRank(1, 4)(shape) && sizeOf(shape) <= 40,
      otherwise: () => [2, 3],
    });
    const { shape } = x.value;
    const mode = s.pick(['constant', 'reflect', 'edge', 'constant']);
    const all = pads(s, shape, mode);
    if (s.rarely(4)) {
      const axis = s.draw(shape.length);
      const two = ints(s, [all[axis]!, all[axis + shape.length]!]);
      return s.emit('Pad', [x, two, undefined, ints(s, [axis - shape.length])], { mode }, 4);
    }
    const value = mode === 'constant' && s.rarely(2) ? [s.constant([])] : [];
    s.emit('Pad', [x, ints(s, all), ...value], { mode }, 4);
  },
  /** Places of any shape, repeated ones too, some known only at run time. */
  Gather: (s) => {
    const x = pickable(s);
    const { shape } = x.value;
    const axis = anyAxis(s, shape.length);
    const size = shape.at(axis)!;
    if (s.rarely(4)) {
      // Which element of some values is the largest decides what is picked.
      const scores = s.shaped([2, size]);
      s.unused(scores);
      const value = s.b.op('ArgMax', [scores.value], { axis: 1, keepdims: 0 });
      return s.emit('Gather', [x, { value, bound: 0 }], { axis }, 4);
    }
    const form = s.pick<number[]>([[3], [], [2, 2], [1]]);
    const list = Array.from({ length: sizeOf(form) }, () => s.between(-size, size - 1));
    s.emit('Gather', [x, indices(s, list, form)], s.rarely(4) && axis === 0 ? {} : { axis }, 4);
  },
  GatherElements: (s) => {
    const x = pickable(s);
    const { shape } = x.value;
    const axis = anyAxis(s, shape.length);
    const at = axis < 0 ? axis + shape.length : axis;
    const form = shape.map((d, i) => (i === at ? s.between(1, 3) : d));
    const list = Array.from({ length: sizeOf(form) }, () => s.draw(shape[at]!));
    s.emit('GatherElements', [x, indices(s, list, form)], { axis }, 4);
  },
  ScatterElements: scatterElements,
  /** The places that come with the values have no gradient. */
  TopK: (s) => {
    const x = anyRank(s);
    const axis = anyAxis(s, x.value.shape.length);
    const count = s.between(1, x.value.shape.at(axis)!);
    const attrs = { axis, largest: s.draw(2), sorted: 1 };
    const names = [s.b.fresh('top'), s.b.fresh('place')];
    s.push(s.b.ops('TopK', [x.value, s.b.ints([count])], attrs, names)[0]!, 4);
  },
  GatherND: (s) => {
    const x = pickable(s);
    const { shape } = x.value;
    const depth = s.between(1, shape.length);
    const list = Array.from({ length: 3 }, () => shape.slice(0, depth).map((d) => s.draw(d)));
    s.emit('GatherND', [x, indices(s, list.flat(), [3, depth])], {}, 4);
  },
  ScatterND: (s) => {
    const x = pickable(s, 2);
    const { shape } = x.value;
    const count = s.between(1, shape[0]!);
    const attrs = joined(s);
    const places = distinct(s, count, shape[0]!);
    if (attrs.reduction === 'add') places[0] = places.at(-1)!;
    const updates = s.parameter([count, ...shape.slice(1)]);
    s.emit('ScatterND', [x, indices(s, places, [count, 1]), updates], attrs, 8 + 4 * count);
  },
};
