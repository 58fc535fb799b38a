/** A row of the sweep's table: one step that adds an op with legal attributes and shapes to a sketch. */
import { type Shape, sizeOf } from '../../../../../src/models/graph/tensor.js';
import { MAX_SIZE, type Sketch, type Term } from '../sketch.js';

export type Generator = (s: Sketch) => void;
export type Generators = Readonly<Record<string, Generator>>;

/** Axes, shapes and the like. */
export const ints = (s: Sketch, list: readonly number[]): Term => ({ value: s.b.ints(list), bound: 0 });

/** A random shape of small sides, of a rank in the range. */
export const smallShape = (s: Sketch, minRank = 1, maxRank = 4): number[] =>
  Array.from({ length: s.between(minRank, maxRank) }, () => s.between(1, 4));

export const ofRank =
  (min: number, max = min) =>
  (shape: Shape): boolean =>
    shape.length >= min && shape.length <= max;

/** An operand of at least one axis. */
export const anyRank = (s: Sketch, bound = 4): Term =>
  s.operand({ fits: ofRank(1, 6), otherwise: () => [2, 3], bound });

/** [N,C,H,W] or [N,C,L]: the operand of windows, with at least two elements to slide over. */
export const image = (s: Sketch, fits: (shape: Shape) => boolean = () => true): Term =>
  s.operand({
    fits: (shape) => ofRank(3, 4)(shape) && Math.max(...shape.slice(2)) > 1 && fits(shape),
    otherwise: () => [
      s.between(1, 2),
      s.pick([2, 4, 3]),
      ...(s.rarely(4) ? [s.between(4, 9)] : [s.between(3, 6), s.between(3, 5)]),
    ],
  });

/** An axis counted from either end. */
export const anyAxis = (s: Sketch, rank: number): number => s.draw(2 * rank) - rank;

/** A shape that broadcasts with `shape` without growing past the limit: axes of 1, axes left out, axes more. */
export function broadcastable(s: Sketch, shape: Shape): number[] {
  const thinned = shape.map((d) => (s.rarely(3) ? 1 : d));
  if (s.rarely(4)) return thinned.slice(s.draw(thinned.length + 1));
  const grown = s.rarely(5) ? [2, ...thinned] : thinned;
  return sizeOf(shape) * 2 <= MAX_SIZE ? grown : thinned;
}

/** The other operand of an elementwise op: depends on the inputs or is frozen. */
export function partner(s: Sketch, x: Term, bound = 4): Term {
  const shape = broadcastable(s, x.value.shape);
  return s.rarely(2)
    ? s.constant(shape, -Math.min(bound, 1.5), Math.min(bound, 1.5))
    : s.shaped(shape, bound);
}

/** Some of the axes, at least one, ascending. */
export function someAxes(s: Sketch, rank: number): number[] {
  const sure = s.draw(rank);
  return Array.from({ length: rank }, (_, i) => i).filter((i) => i === sure || s.rarely(3));
}
