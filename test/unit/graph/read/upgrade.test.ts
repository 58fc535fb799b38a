/** Nodes of all opsets, as files hold them: what is read must compute what ONNX Runtime makes of the file itself. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { bool, f32, i64, type Shape, sizeOf, type Tensor } from '../../../../src/models/graph/tensor.js';
import { verify } from '../../../../src/models/graph/verify.js';
import { writeOnnx } from '../../../../src/models/graph/write-onnx.js';
import { type FileAttribute, onnxFile, runFile } from '../../../support/onnx-file.js';
import { uniform } from '../../../support/run-graph.js';

interface FileCase {
  opset: number;
  op: string;
  title?: string;
  /** Shape of the data. */
  x: Shape;
  /** Further inputs, null where left out. */
  constants?: readonly (Tensor | null)[];
  attrs?: Readonly<Record<string, FileAttribute>>;
  outputs?: readonly string[];
  /** Ops that are read in its place. */
  read: readonly string[];
}

const numbers = (shape: Shape, seed = 5): Tensor => f32(uniform(sizeOf(shape), seed), shape);
const window = { kernel_shape: [3, 2], strides: [2, 3] };

const CASES: readonly FileCase[] = [
  { opset: 17, op: 'ReduceMean', x: [2, 3, 4], attrs: { axes: [1, -1] }, read: ['ReduceMean'] },
  { opset: 17, op: 'ReduceMax', title: 'all axes', x: [2, 3], read: ['ReduceMax'] },
  {
    opset: 18,
    op: 'ReduceL2',
    x: [2, 3, 4],
    constants: [i64([2])],
    attrs: { keepdims: 0 },
    read: ['ReduceL2'],
  },
  { opset: 17, op: 'Split', x: [2, 6], attrs: { axis: 1 }, outputs: ['y', 'z'], read: ['Split'] },
  {
    opset: 18,
    op: 'Split',
    x: [2, 7],
    attrs: { axis: 1, num_outputs: 3 },
    outputs: ['y', 'z', 'u'],
    read: ['Split'],
  },
  { opset: 21, op: 'Gelu', x: [9], read: ['Mul', 'Erf', 'Mul', 'Add', 'Mul'] },
  {
    opset: 20,
    op: 'Gelu',
    title: 'tanh',
    x: [9],
    attrs: { approximate: 'tanh' },
    read: ['Mul', 'Mul', 'Mul', 'Add', 'Mul', 'Tanh', 'Mul', 'Add', 'Mul'],
  },
  {
    opset: 21,
    op: 'GroupNormalization',
    x: [2, 4, 3, 2],
    constants: [numbers([4]), numbers([4], 6)],
    attrs: { num_groups: 2, epsilon: 0.1 },
    read: ['Reshape', 'InstanceNormalization', 'Reshape', 'Mul', 'Add'],
  },
  {
    opset: 18,
    op: 'GroupNormalization',
    title: 'scale by group',
    x: [2, 4, 3],
    constants: [numbers([2]), numbers([2], 6)],
    attrs: { num_groups: 2 },
    read: ['Reshape', 'InstanceNormalization', 'Reshape', 'Mul', 'Add'],
  },
  {
    opset: 19,
    op: 'Pad',
    title: 'around',
    x: [3, 4],
    constants: [i64([1, 2, 2, 1])],
    attrs: { mode: 'wrap' },
    read: ['Gather', 'Gather', 'Identity'],
  },
  {
    opset: 18,
    op: 'MatMul',
    title: 'vector',
    x: [2, 3, 4],
    constants: [numbers([4])],
    read: ['MatMul', 'Reshape'],
  },
  {
    opset: 18,
    op: 'MatMul',
    title: 'two vectors',
    x: [4],
    constants: [numbers([4])],
    read: ['Unsqueeze', 'MatMul', 'Reshape'],
  },
  { opset: 18, op: 'GlobalMaxPool', x: [1, 2, 3, 4], read: ['ReduceMax'] },
  {
    opset: 18,
    op: 'Sum',
    x: [2, 3],
    constants: [numbers([3]), numbers([1], 6)],
    read: ['Add', 'Add', 'Identity'],
  },
  { opset: 18, op: 'Mean', x: [2, 3], constants: [numbers([3])], read: ['Add', 'Mul'] },
  { opset: 19, op: 'CastLike', x: [3], constants: [i64([1])], read: ['Cast'] },
  { opset: 18, op: 'Dropout', x: [4], constants: [f32([0.5]), bool([false])], read: ['Identity'] },
  {
    opset: 18,
    op: 'Conv',
    title: 'same, odd at the end',
    x: [1, 2, 7, 8],
    constants: [numbers([3, 2, 2, 3])],
    attrs: { auto_pad: 'SAME_UPPER', strides: [2, 3] },
    read: ['Conv'],
  },
  {
    opset: 18,
    op: 'Conv',
    title: 'same, odd at the start',
    x: [1, 2, 7, 8],
    constants: [numbers([3, 2, 2, 2])],
    attrs: { auto_pad: 'SAME_LOWER' },
    read: ['Conv'],
  },
  {
    opset: 18,
    op: 'Conv',
    title: 'valid',
    x: [1, 2, 7, 8],
    constants: [numbers([3, 2, 3, 3])],
    attrs: { auto_pad: 'VALID' },
    read: ['Conv'],
  },
  {
    opset: 18,
    op: 'ConvTranspose',
    title: 'output sizes',
    x: [1, 2, 3, 4],
    constants: [numbers([2, 3, 3, 3])],
    attrs: { output_shape: [6, 7], strides: [2, 2] },
    read: ['ConvTranspose'],
  },
  {
    opset: 18,
    op: 'ConvTranspose',
    title: 'same',
    x: [1, 2, 3, 4],
    constants: [numbers([2, 3, 3, 3])],
    attrs: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
    read: ['ConvTranspose'],
  },
  {
    opset: 17,
    op: 'MaxPool',
    title: 'rounded up',
    x: [1, 2, 6, 7],
    attrs: { ...window, ceil_mode: 1, pads: [1, 0, 0, 1] },
    read: ['MaxPool'],
  },
  {
    opset: 17,
    op: 'MaxPool',
    title: 'a last window that would start in the pads',
    x: [1, 1, 4, 4],
    attrs: { kernel_shape: [2, 2], strides: [3, 3], ceil_mode: 1, pads: [1, 1, 1, 1] },
    read: ['MaxPool'],
  },
  {
    opset: 18,
    op: 'AveragePool',
    title: 'same',
    x: [1, 2, 5, 7],
    attrs: { ...window, auto_pad: 'SAME_UPPER' },
    read: ['AveragePool'],
  },
  {
    opset: 19,
    op: 'AveragePool',
    title: 'rounded up',
    x: [1, 2, 7, 7],
    attrs: { ...window, ceil_mode: 1, pads: [1, 0, 0, 1] },
    read: ['AveragePool'],
  },
  {
    opset: 19,
    op: 'AveragePool',
    title: 'rounded up, pads count',
    x: [1, 2, 7, 7],
    attrs: { ...window, ceil_mode: 1, pads: [1, 0, 0, 1], count_include_pad: 1 },
    read: ['Pad', 'AveragePool'],
  },
  {
    opset: 19,
    op: 'AveragePool',
    title: 'dilated',
    x: [1, 2, 6, 7],
    attrs: { ...window, dilations: [2, 1], pads: [1, 0, 1, 1] },
    read: ['Conv', 'Conv', 'Div'],
  },
  {
    opset: 21,
    op: 'Shape',
    title: 'some axes',
    x: [2, 3, 4],
    attrs: { start: -2, end: 9 },
    read: [],
  },
  { opset: 18, op: 'Size', x: [2, 3, 4], read: [] },
  { opset: 19, op: 'Cast', x: [3], attrs: { to: 7, saturate: 1 }, read: ['Cast'] },
  {
    opset: 17,
    op: 'SoftmaxCrossEntropyLoss',
    x: [3, 4],
    constants: [i64([1, 3, 0])],
    read: ['LogSoftmax', 'GatherElements', 'Squeeze', 'Neg', 'ReduceMean'],
  },
  {
    opset: 17,
    op: 'NegativeLogLikelihoodLoss',
    x: [2, 3, 2],
    constants: [i64([1, 2, 0, 1], [2, 2])],
    attrs: { reduction: 'none' },
    read: ['GatherElements', 'Squeeze', 'Neg', 'Identity'],
  },
];

const fileOf = ({ opset, op, x, constants = [], attrs, outputs = ['y'] }: FileCase): Uint8Array => {
  const given = constants.map((tensor, i) => [tensor ? `c${i}` : '', tensor] as const);
  return onnxFile({
    opset,
    inputs: { x: { shape: x } },
    constants: Object.fromEntries(given.flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : []))),
    nodes: [{ op, inputs: ['x', ...given.map(([name]) => name)], outputs, attrs }],
    outputs,
  });
};

describe('a node of any opset is read into one that computes the same', () => {
  it.each(CASES.map((c) => [`${c.op} ${c.opset}${c.title ? `, ${c.title}` : ''}`, c] as const))(
    '%s',
    async (_name, c) => {
      const file = fileOf(c);
      const graph = verify(readOnnx(file));
      expect(graph.nodes.map(({ op }) => op)).toEqual(c.read);
      const x = new ort.Tensor('float32', uniform(sizeOf(c.x), 3), [...c.x]);
      const [wanted, found] = [await runFile(file, { x }), await runFile(writeOnnx(graph), { x })];
      for (const name of c.outputs ?? ['y']) {
        expect(found[name]!.shape).toEqual(wanted[name]!.shape);
        expect(graph.types.get(name)!.shape).toEqual(wanted[name]!.shape);
        for (const [i, value] of wanted[name]!.data.entries())
          expect(found[name]!.data[i]).toBeCloseTo(value, 5);
      }
    },
  );
});
