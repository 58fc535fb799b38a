import { awayFromZero, ints, type OpCase, positive, SMALL_STEP } from './op-case.js';

export const reduce: readonly OpCase[] = [
  { op: 'ReduceSum', inputs: [[2, 3, 4]], constants: ints([1]), attrs: { keepdims: 0 } },
  { op: 'ReduceSum', title: 'all', inputs: [[2, 3]], attrs: { keepdims: 0 } },
  { op: 'ReduceMean', inputs: [[2, 3, 4]], constants: ints([0, -1]), attrs: { keepdims: 1 } },
  { op: 'ReduceSumSquare', inputs: [[2, 3, 4]], constants: ints([1, 2]), attrs: { keepdims: 0 } },
  { op: 'ReduceL2', inputs: [[2, 3, 4]], constants: ints([1, 2]), attrs: { keepdims: 0 } },
  { op: 'ReduceMax', step: SMALL_STEP, inputs: [[2, 7]], constants: ints([1]), attrs: { keepdims: 1 } },
  {
    op: 'ReduceSum',
    title: 'no axes, nothing to do',
    inputs: [[2, 3]],
    constants: ints([]),
    attrs: { noop_with_empty_axes: 1 },
  },
  { op: 'ReduceSum', title: 'no axes, all', inputs: [[2, 3]], constants: ints([]) },
  { op: 'ReduceMin', step: SMALL_STEP, inputs: [[3, 4]], constants: ints([0]) },
  { op: 'ReduceL1', inputs: [[3, 4]], constants: ints([0]), map: awayFromZero },
  { op: 'ReduceProd', inputs: [[3, 4]], constants: ints([1]), attrs: { keepdims: 0 } },
  // 0, 1 and 2 factors of 0 in a row
  {
    op: 'ReduceProd',
    title: 'with zeros',
    inputs: [[4, 3]],
    constants: ints([1]),
    map: (x) => (x > 0.1 ? 0 : x),
  },
  { op: 'ReduceLogSum', inputs: [[3, 4]], constants: ints([1]), map: positive },
  { op: 'ReduceLogSumExp', inputs: [[3, 4]], constants: ints([-1]), attrs: { keepdims: 0 } },
];
