/** Matrix products and reductions. */
import type { Attributes } from '../../../../../src/models/graph/ir.js';
import { i64, sizeOf } from '../../../../../src/models/graph/tensor.js';
import type { Sketch, Term } from '../sketch.js';
import { anyAxis, anyRank, type Generator, type Generators, ints, ofRank, someAxes } from './generator.js';

const matrix = (s: Sketch, minRank: number, maxRank: number): Term =>
  s.operand({ fits: ofRank(minRank, maxRank), otherwise: () => [3, 4] });

/** Over some axes, counted from either end, or over all where none are given; the bound grows by `growth` of the count. */
const reduction =
  (op: string, bound: (count: number) => number, operand = anyRank): Generator =>
  (s) => {
    const x = operand(s);
    const { shape } = x.value;
    const keepdims = s.draw(2);
    if (s.rarely(4)) {
      s.emit(op, [x], { keepdims }, bound(sizeOf(shape)));
      return;
    }
    const axes = someAxes(s, shape.length);
    const given = axes.map((a) => (s.rarely(2) ? a - shape.length : a));
    const count = axes.reduce((n, a) => n * shape[a]!, 1);
    s.emit(op, [x, { value: s.b.ints(given), bound: 0 }], { keepdims }, bound(count));
  };

/** Labels of the axes, some of them behind an ellipsis, and an output of some of them in any order. */
const einsum: Generator = (s) => {
  const x = matrix(s, 1, 3);
  const { shape } = x.value;
  const labels = [...'ijk'].slice(0, shape.length);
  const size = new Map(labels.map((label, i) => [label, shape[i]!]));
  const shared = labels.filter(() => !s.rarely(3));
  const other = s.rarely(3) ? shared : [...shared, 'n'];
  size.set('n', s.between(1, 3));
  const operands = [x];
  const terms = [labels];
  if (other.length > 0) {
    operands.push(s.parameter(other.map((label) => size.get(label)!)));
    terms.push(other);
  }
  const all = [...new Set(terms.flat())];
  const left = all.filter(() => !s.rarely(3));
  const output = left.map(() => left.splice(s.draw(left.length), 1)[0]!);
  const written = terms.map((term) => term.join('')).join(',');
  const summed = all.reduce((n, label) => n * size.get(label)!, 1);
  // Without an arrow the output holds the labels that occur once.
  const equation = s.rarely(4) ? written : `${written}->${output.join('')}`;
  s.emit('Einsum', operands, { equation }, 4 * 4 * summed);
};

/** Over one axis, so that the product stays in range; with zeros among the factors, which a quotient could not bear. */
const product: Generator = (s) => {
  const x = anyRank(s, 1.3);
  const axis = anyAxis(s, x.value.shape.length);
  const factors = s.rarely(3) ? { value: s.b.op('Relu', [x.value]), bound: x.bound } : x;
  const count = x.value.shape.at(axis)!;
  if (count > 8) return s.emit('ReduceProd', [factors, ints(s, [])], { noop_with_empty_axes: 1 }, x.bound);
  s.emit('ReduceProd', [factors, ints(s, [axis])], { keepdims: s.draw(2) }, Math.max(1, x.bound) ** count);
};

export const linear: Generators = {
  MatMul: (s) => {
    const x = matrix(s, 2, 4);
    const { shape } = x.value;
    const inner = shape.at(-1)!;
    const outer = s.between(1, 4);
    const batch = s.pick([
      [],
      shape.slice(0, -2),
      shape.slice(0, -2).map(() => 1),
      shape.length === 2 ? [2] : [],
    ]);
    if (s.rarely(2)) {
      const y = s.parameter([...batch, inner, outer]);
      s.emit('MatMul', [x, y], {}, 4 * inner * y.bound);
    } else {
      const y = s.parameter([...batch, outer, shape.at(-2)!]);
      s.emit('MatMul', [y, x], {}, 4 * shape.at(-2)! * y.bound);
    }
  },
  Einsum: einsum,
  Gemm: (s) => {
    const x = matrix(s, 2, 2);
    const [transA, transB] = [s.draw(2), s.draw(2)];
    const [rows, inner] = transA
      ? [x.value.shape[1]!, x.value.shape[0]!]
      : [x.value.shape[0]!, x.value.shape[1]!];
    const columns = s.between(1, 4);
    const y = s.parameter(transB ? [columns, inner] : [inner, columns]);
    const c = s.rarely(3)
      ? []
      : [s.parameter(s.pick([[columns], [1, columns], [rows, 1], [rows, columns], []]))];
    const [alpha, beta] = [s.pick([1, 0.5, -1.5]), s.pick([1, 2, -0.5])];
    s.emit('Gemm', [x, y, ...c], { transA, transB, alpha, beta }, 1.5 * (4 * inner * y.bound) + 8);
  },
  /** The upper or lower triangle, with diagonals above or below it. */
  Trilu: (s) => {
    const x = matrix(s, 2, 4);
    const diagonal = s.rarely(3) ? [] : [{ value: s.b.constant(i64([s.between(-1, 2)], [])), bound: 0 }];
    s.emit('Trilu', [x, ...diagonal], s.pick<Attributes>([{}, { upper: 0 }, { upper: 1 }]), 4);
  },
  CumSum: (s) => {
    const x = anyRank(s);
    const { shape } = x.value;
    const axis = anyAxis(s, shape.length);
    const from = { value: s.b.constant(i64([axis], [])), bound: 0 };
    s.emit('CumSum', [x, from], { exclusive: s.draw(2), reverse: s.draw(2) }, 4 * shape.at(axis)!);
  },
  ReduceSum: reduction('ReduceSum', (n) => 4 * n),
  ReduceMean: reduction('ReduceMean', () => 4),
  ReduceSumSquare: reduction(
    'ReduceSumSquare',
    (n) => 4 * n,
    (s) => anyRank(s, 2),
  ),
  /** Of values that are not all 0: the norm has no derivative there. */
  ReduceL2: reduction(
    'ReduceL2',
    (n) => 5 * Math.sqrt(n),
    (s) => s.positive(anyRank(s)),
  ),
  ReduceL1: reduction('ReduceL1', (n) => 4 * n),
  ReduceLogSum: reduction(
    'ReduceLogSum',
    (n) => 2 + Math.log(n),
    (s) => s.positive(anyRank(s)),
  ),
  ReduceLogSumExp: reduction('ReduceLogSumExp', (n) => 4 + Math.log(n)),
  ReduceMax: reduction('ReduceMax', () => 4),
  ReduceMin: reduction('ReduceMin', () => 4),
  ReduceProd: product,
};
