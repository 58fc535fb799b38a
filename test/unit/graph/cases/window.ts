import { type OpCase, SMALL_STEP, weight } from './op-case.js';

export const window: readonly OpCase[] = [
  { op: 'Conv', inputs: [[2, 3, 7, 6]], constants: weight([4, 3, 3, 3]), attrs: { pads: [1, 1, 1, 1] } },
  {
    op: 'Conv',
    title: 'groups and dilation',
    inputs: [[1, 4, 9, 8]],
    constants: weight([6, 2, 3, 2]),
    attrs: { group: 2, dilations: [2, 1], pads: [1, 0, 2, 1] },
  },
  {
    op: 'Conv',
    title: 'depthwise',
    inputs: [[1, 4, 6, 6]],
    constants: weight([4, 1, 3, 3]),
    attrs: { group: 4, pads: [1, 1, 1, 1] },
  },
  {
    op: 'Conv',
    title: 'strides that skip rows',
    inputs: [[1, 2, 8, 7]],
    constants: weight([3, 2, 3, 3]),
    attrs: { strides: [2, 3] },
  },
  {
    op: 'Conv',
    title: 'pads beyond the kernel',
    inputs: [[1, 2, 5, 5]],
    constants: weight([3, 2, 2, 2]),
    attrs: { pads: [2, 2, 2, 2] },
  },
  {
    op: 'Conv',
    title: 'kernel and bias',
    inputs: [[2, 3, 6, 5], [4, 3, 3, 2], [4]],
    attrs: { pads: [1, 0, 0, 1] },
  },
  {
    op: 'Conv',
    title: 'kernel with strides and dilations',
    inputs: [
      [2, 2, 9, 8],
      [3, 2, 3, 2],
    ],
    attrs: { strides: [2, 2], dilations: [1, 2], pads: [1, 1, 0, 1] },
  },
  {
    op: 'ConvTranspose',
    inputs: [[1, 4, 5, 4]],
    constants: weight([4, 3, 3, 3]),
    attrs: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] },
  },
  {
    op: 'ConvTranspose',
    title: 'groups',
    inputs: [[1, 8, 3, 3]],
    constants: weight([8, 1, 2, 2]),
    attrs: { strides: [2, 2], group: 2 },
  },
  {
    op: 'ConvTranspose',
    title: 'kernel and bias',
    inputs: [[2, 3, 4, 3], [3, 2, 3, 3], [2]],
    attrs: { strides: [2, 1] },
  },
  {
    op: 'MaxPool',
    step: SMALL_STEP,
    inputs: [[1, 2, 6, 6]],
    attrs: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  {
    op: 'MaxPool',
    step: SMALL_STEP,
    title: 'overlapping with pads',
    inputs: [[2, 2, 7, 6]],
    attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 0] },
  },
  { op: 'AveragePool', inputs: [[1, 3, 8, 8]], attrs: { kernel_shape: [4, 4], strides: [4, 4] } },
  {
    op: 'AveragePool',
    title: 'overlapping',
    inputs: [[1, 2, 7, 6]],
    attrs: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1], count_include_pad: 1 },
  },
  { op: 'GlobalAveragePool', inputs: [[2, 3, 4, 5]] },
  {
    op: 'Conv',
    title: 'kernel in groups',
    inputs: [[2, 4, 5, 4], [6, 2, 3, 2], [6]],
    attrs: { group: 2, pads: [1, 0, 1, 1] },
  },
  {
    op: 'Conv',
    title: 'depthwise kernel with strides',
    inputs: [
      [2, 3, 6, 5],
      [3, 1, 3, 3],
    ],
    attrs: { group: 3, strides: [2, 2] },
  },
  {
    op: 'ConvTranspose',
    title: 'kernel in groups',
    inputs: [
      [2, 4, 3, 3],
      [4, 3, 2, 3],
    ],
    attrs: { group: 2, strides: [2, 1], pads: [0, 1, 0, 1] },
  },
  {
    op: 'AveragePool',
    title: 'pads that do not count',
    inputs: [[1, 2, 6, 5]],
    attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 1] },
  },
  {
    op: 'MaxPool',
    step: SMALL_STEP,
    title: 'dilated',
    inputs: [[1, 2, 7, 6]],
    attrs: { kernel_shape: [3, 2], dilations: [2, 3], strides: [1, 2], pads: [1, 0, 0, 1] },
  },
  {
    op: 'Conv',
    title: 'one axis',
    inputs: [
      [1, 2, 9],
      [3, 2, 4],
    ],
    attrs: { strides: [2], pads: [1, 2] },
  },
];
