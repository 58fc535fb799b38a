import { ints, type OpCase } from './op-case.js';

export const shape: readonly OpCase[] = [
  { op: 'Reshape', inputs: [[2, 6]], constants: ints([0, 2, -1]) },
  { op: 'Flatten', inputs: [[2, 3, 4]] },
  { op: 'Squeeze', inputs: [[2, 1, 3]], constants: ints([1]) },
  { op: 'Unsqueeze', inputs: [[2, 3]], constants: ints([0, -1]) },
  { op: 'Transpose', inputs: [[2, 3, 4]], attrs: { perm: [2, 0, 1] } },
  { op: 'Expand', inputs: [[3, 1]], constants: ints([2, 3, 4]) },
  {
    op: 'Concat',
    inputs: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    attrs: { axis: 1 },
  },
  { op: 'Split', inputs: [[2, 5]], constants: ints([2, 3]), attrs: { axis: 1 }, outputs: 2 },
  { op: 'DepthToSpace', inputs: [[1, 8, 2, 3]], attrs: { blocksize: 2 } },
  { op: 'DepthToSpace', title: 'CRD', inputs: [[1, 8, 2, 3]], attrs: { blocksize: 2, mode: 'CRD' } },
  { op: 'SpaceToDepth', inputs: [[1, 2, 4, 6]], attrs: { blocksize: 2 } },
  { op: 'Reshape', title: 'an empty axis list', inputs: [[1, 1]], constants: ints([]) },
  { op: 'Tile', inputs: [[2, 1, 3]], constants: ints([2, 3, 1]) },
  { op: 'Tile', title: 'once', inputs: [[2, 3]], constants: ints([1, 1]) },
  {
    op: 'Split',
    title: 'the last part smaller',
    inputs: [[7, 2]],
    attrs: { axis: 0, num_outputs: 3 },
    outputs: 3,
  },
];
