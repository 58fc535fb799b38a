import { type OpCase, positive, weight } from './op-case.js';

export const normalization: readonly OpCase[] = [
  { op: 'InstanceNormalization', inputs: [[2, 3, 3, 2], [3], [3]] },
  {
    op: 'InstanceNormalization',
    title: 'frozen',
    inputs: [[1, 2, 6]],
    constants: weight([2], [2]),
    attrs: { epsilon: 0.1 },
  },
  { op: 'LayerNormalization', inputs: [[2, 3, 5], [5], [5]] },
  {
    op: 'LayerNormalization',
    title: 'two axes, no bias',
    inputs: [
      [2, 3, 4],
      [3, 4],
    ],
    attrs: { axis: 1, epsilon: 0.1 },
  },
  { op: 'BatchNormalization', inputs: [[2, 3, 2, 2], [3], [3], [3], [3]], map: positive },
  {
    op: 'BatchNormalization',
    title: 'frozen',
    inputs: [[2, 3, 4]],
    constants: (b) => [...weight([3], [3], [3])(b), b.op('Exp', weight([3])(b))],
    attrs: { epsilon: 0.1 },
  },
];
