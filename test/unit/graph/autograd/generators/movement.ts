/** Ops that move or repeat whole tensors, join and part them. */
import type { Attributes } from '../../../../../src/models/graph/ir.js';
import { type Shape, sizeOf } from '../../../../../src/models/graph/tensor.js';
import { MAX_SIZE, type Sketch } from '../sketch.js';
import { anyAxis, anyRank, type Generators, ints, ofRank, smallShape, someAxes } from './generator.js';

/** A random shape of that many elements: its prime factors dealt out over the axes. */
function factored(s: Sketch, size: number): number[] {
  const shape = Array.from({ length: s.between(1, 4) }, () => 1);
  let rest = size;
  for (let p = 2; rest > 1; ) {
    if (rest % p === 0) {
      shape[s.draw(shape.length)]! *= p;
      rest /= p;
    } else p++;
  }
  return shape;
}

/** [N, C*s*s, H, W] or [N, C, H*s, W*s] for a block of 2. */
const blocked = (fits: (shape: Shape) => boolean) => (s: Sketch, otherwise: number[]) =>
  s.operand({ fits: (shape) => shape.length === 4 && fits(shape), otherwise: () => otherwise });
const deep = blocked(([, c]) => c! % 4 === 0);
const wide = blocked(([, , h, w]) => h! % 2 === 0 && w! % 2 === 0);

export const movement: Generators = {
  Reshape: (s) => {
    const x = anyRank(s);
    const { shape } = x.value;
    const wanted = factored(s, sizeOf(shape));
    // 0 keeps an axis, one -1 is worked out.
    const written: number[] = wanted.map((d, i) => (d === shape[i] && s.rarely(2) ? 0 : d));
    if (s.rarely(2)) written[s.draw(written.length)] = -1;
    s.emit('Reshape', [x, ints(s, written)], {}, 4);
  },
  Flatten: (s) => {
    const x = anyRank(s);
    const rank = x.value.shape.length;
    s.emit('Flatten', [x], s.rarely(4) ? {} : { axis: s.between(-rank, rank) }, 4);
  },
  Squeeze: (s) => {
    const x = s.operand({
      fits: (shape) => shape.includes(1) && sizeOf(shape) > 1,
      otherwise: () =>
        s.pick([
          [2, 1, 3],
          [1, 4],
          [1, 2, 1, 2],
        ]),
    });
    const { shape } = x.value;
    if (s.rarely(3)) return s.emit('Squeeze', [x], {}, 4);
    const ones = shape.flatMap((d, i) => (d === 1 ? [i] : []));
    const axes = someAxes(s, ones.length).map((i) => (s.rarely(2) ? ones[i]! : ones[i]! - shape.length));
    s.emit('Squeeze', [x, ints(s, axes)], {}, 4);
  },
  Unsqueeze: (s) => {
    const x = s.operand({ fits: ofRank(0, 4) });
    const rank = x.value.shape.length;
    const axes = s.rarely(2) ? [s.draw(rank + 2), -1] : [anyAxis(s, rank + 1)];
    const distinct = axes.length === 2 && axes[0] === rank + 1 ? [0, -1] : axes;
    s.emit('Unsqueeze', [x, ints(s, distinct)], {}, 4);
  },
  Transpose: (s) => {
    const x = s.operand({ fits: ofRank(2, 5), otherwise: () => smallShape(s, 2, 4) });
    const rank = x.value.shape.length;
    if (s.rarely(4)) return s.emit('Transpose', [x], {}, 4);
    const left = Array.from({ length: rank }, (_, i) => i);
    const perm = Array.from({ length: rank }, () => left.splice(s.draw(left.length), 1)[0]!);
    s.emit('Transpose', [x], { perm }, 4);
  },
  Expand: (s) => {
    const x = s.operand({
      fits: (shape) => shape.length < 5 && sizeOf(shape) <= MAX_SIZE / 12,
      otherwise: () => s.pick([[3, 1], [1, 2, 1], [2]]),
    });
    const shape = x.value.shape.map((d) => (d === 1 ? s.between(1, 3) : s.rarely(3) ? 1 : d));
    s.emit('Expand', [x, ints(s, [...(s.rarely(2) ? [2] : []), ...shape])], {}, 4);
  },
  Concat: (s) => {
    const x = s.operand({ fits: (shape) => shape.length >= 1 && sizeOf(shape) <= MAX_SIZE / 3 });
    const { shape } = x.value;
    const axis = anyAxis(s, shape.length);
    const at = axis < 0 ? axis + shape.length : axis;
    const others = Array.from({ length: s.between(0, 2) }, () =>
      s.rarely(3) ? x : s.parameter(shape.map((d, i) => (i === at ? s.between(1, d) : d))),
    );
    s.emit('Concat', s.rarely(2) ? [...others, x] : [x, ...others], { axis }, 4);
  },
  /** Some parts go unused: their gradient is 0. */
  Split: (s) => {
    const x = s.operand({ fits: (shape) => Math.max(0, ...shape) > 1, otherwise: () => [2, 5] });
    const { shape } = x.value;
    const axis = shape.indexOf(Math.max(...shape));
    const size = shape[axis]!;
    const first = s.between(1, size - 1);
    const form = s.draw(2);
    const names = ['a', 'b'].map(() => s.b.fresh('part'));
    const parts =
      form === 0
        ? s.b.ops('Split', [x.value, s.b.ints([first, size - first])], { axis: axis - shape.length }, names)
        : s.b.ops('Split', [x.value], { axis, num_outputs: 2 }, names);
    const dropped = s.draw(3);
    for (const [i, part] of parts.entries()) if (i !== dropped) s.push(part, 4);
  },
  DepthToSpace: (s) => {
    const mode = s.pick<Attributes>([{}, { mode: 'CRD' }, { mode: 'DCR' }]);
    s.emit(
      'DepthToSpace',
      [deep(s, [s.between(1, 2), 4 * s.between(1, 3), 2, 3])],
      { blocksize: 2, ...mode },
      4,
    );
  },
  SpaceToDepth: (s) => {
    s.emit('SpaceToDepth', [wide(s, [s.between(1, 2), s.between(1, 3), 4, 2])], { blocksize: 2 }, 4);
  },
};
