import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { gradients } from '../../../src/models/graph/gradient.js';
import type { Attributes, Value } from '../../../src/models/graph/ir.js';
import { OPS } from '../../../src/models/graph/ops/index.js';
import { f32, i64, type Shape, sizeOf } from '../../../src/models/graph/tensor.js';
import { compile, uniform } from '../../support/run-graph.js';

/** One op under test: inputs by shape (differentiated) or as constants made by the builder. */
interface Case {
  op: string;
  title?: string;
  inputs: Shape[];
  /** Appended to the differentiated inputs. */
  constants?: (b: GraphBuilder) => (Value | undefined)[];
  attrs?: Attributes;
  outputs?: number;
  /** Keeps inputs away from kinks and poles. */
  map?: (x: number) => number;
  /** Step of the differences, smaller where kinks lie close. */
  step?: number;
}

const positive = (x: number) => 0.6 + 0.4 * x;
/** Onto 0.05, 0.15, 0.25 ..: kinks at other numbers are at least 0.04 away. */
const gridded = (x: number) => Math.floor(x * 10) / 10 + 0.05;
const awayFromZero = (x: number) => x + Math.sign(x) * 0.1;
const weight =
  (shape: Shape, seed = 99) =>
  (b: GraphBuilder) => [b.constant(f32(uniform(sizeOf(shape), seed), shape), 'weight')];
const ints =
  (...lists: number[][]) =>
  (b: GraphBuilder) =>
    lists.map((list) => b.ints(list));

const CASES: Case[] = [
  { op: 'Identity', inputs: [[2, 3]] },
  {
    op: 'Add',
    inputs: [
      [2, 3, 4],
      [3, 1],
    ],
  },
  {
    op: 'Sub',
    inputs: [
      [3, 1],
      [2, 3, 4],
    ],
  },
  {
    op: 'Mul',
    inputs: [
      [2, 3, 4],
      [1, 3, 1],
    ],
  },
  { op: 'Div', inputs: [[2, 3], [3]], map: positive },
  { op: 'Pow', inputs: [[2, 3], [3]], map: positive },
  { op: 'Neg', inputs: [[5]] },
  { op: 'Abs', inputs: [[9]], map: awayFromZero },
  { op: 'Exp', inputs: [[5]] },
  { op: 'Log', inputs: [[5]], map: positive },
  { op: 'Sqrt', inputs: [[5]], map: positive },
  { op: 'Reciprocal', inputs: [[5]], map: positive },
  { op: 'Where', title: 'first branch', inputs: [[2, 3]], constants: () => [], attrs: {} },
  { op: 'Cast', inputs: [[4]], attrs: { to: 1 } },
  { op: 'Relu', inputs: [[12]], map: awayFromZero },
  { op: 'LeakyRelu', inputs: [[12]], attrs: { alpha: 0.2 }, map: awayFromZero },
  { op: 'LeakyRelu', title: 'slope 5', inputs: [[12]], attrs: { alpha: 5 }, map: awayFromZero },
  { op: 'Sigmoid', inputs: [[7]] },
  { op: 'Tanh', inputs: [[7]] },
  { op: 'Softplus', inputs: [[7]] },
  { op: 'Erf', inputs: [[7]] },
  { op: 'Clip', inputs: [[15]], constants: (b) => [b.scalar(-0.505), b.scalar(0.505)], map: gridded },
  { op: 'Softmax', inputs: [[2, 5]], attrs: { axis: -1 } },
  { op: 'Softmax', title: 'inner axis', inputs: [[2, 5, 3]], attrs: { axis: 1 } },
  { op: 'PRelu', inputs: [[1, 3, 4]], constants: weight([3, 1]), map: awayFromZero },
  { op: 'Max', step: 1e-3, inputs: [[2, 5], [5]] },
  { op: 'Min', step: 1e-3, inputs: [[2, 5], [5], [2, 1]] },
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
  { op: 'MaxPool', step: 1e-3, inputs: [[1, 2, 6, 6]], attrs: { kernel_shape: [2, 2], strides: [2, 2] } },
  {
    op: 'MaxPool',
    step: 1e-3,
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
    op: 'MatMul',
    inputs: [
      [2, 3, 4],
      [4, 5],
    ],
  },
  {
    op: 'MatMul',
    title: 'batched',
    inputs: [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
  },
  { op: 'Gemm', inputs: [[3, 4], [4, 5], [5]], attrs: { alpha: 0.5, beta: 2 } },
  {
    op: 'Gemm',
    title: 'both transposed',
    inputs: [
      [4, 3],
      [5, 4],
      [3, 1],
    ],
    attrs: { transA: 1, transB: 1 },
  },
  {
    op: 'Gemm',
    title: 'right transposed',
    inputs: [
      [3, 4],
      [5, 4],
    ],
    attrs: { transB: 1 },
  },
  { op: 'ReduceSum', inputs: [[2, 3, 4]], constants: ints([1]), attrs: { keepdims: 0 } },
  { op: 'ReduceSum', title: 'all', inputs: [[2, 3]], attrs: { keepdims: 0 } },
  { op: 'ReduceMean', inputs: [[2, 3, 4]], constants: ints([0, -1]), attrs: { keepdims: 1 } },
  { op: 'ReduceSumSquare', inputs: [[2, 3, 4]], constants: ints([1, 2]), attrs: { keepdims: 0 } },
  { op: 'ReduceL2', inputs: [[2, 3, 4]], constants: ints([1, 2]), attrs: { keepdims: 0 } },
  { op: 'ReduceMax', step: 1e-3, inputs: [[2, 7]], constants: ints([1]), attrs: { keepdims: 1 } },
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
  { op: 'Slice', inputs: [[3, 8]], constants: ints([1], [-1], [1], [1]) },
  { op: 'Slice', title: 'with steps', inputs: [[3, 8]], constants: ints([0, 1], [3, 8], [0, 1], [2, 3]) },
  { op: 'Pad', inputs: [[2, 3]], constants: ints([1, 0, 0, 2]) },
  { op: 'Gather', inputs: [[4, 3]], constants: ints([2, 0, 2]), attrs: { axis: 0 } },
  {
    op: 'Gather',
    title: 'scalar index',
    inputs: [[2, 4, 3]],
    constants: (b) => [b.constant(i64([-1], []))],
    attrs: { axis: 1 },
  },
  { op: 'DepthToSpace', inputs: [[1, 8, 2, 3]], attrs: { blocksize: 2 } },
  { op: 'DepthToSpace', title: 'CRD', inputs: [[1, 8, 2, 3]], attrs: { blocksize: 2, mode: 'CRD' } },
  { op: 'SpaceToDepth', inputs: [[1, 2, 4, 6]], attrs: { blocksize: 2 } },
];

/** loss = sum of every output times fixed random numbers: a random direction of the vector-Jacobian product. */
function lossGraph({ op, inputs, constants, attrs, outputs = 1 }: Case) {
  const b = new GraphBuilder('case');
  const xs = inputs.map((shape, i) => b.input(`x${i}`, 'float32', shape));
  const operands = op === 'Where' ? whereOperands(b, xs[0]!) : [...xs, ...(constants?.(b) ?? [])];
  const ys = b.ops(
    op,
    operands,
    attrs ?? {},
    Array.from({ length: outputs }, (_, i) => `y${i}`),
  );
  const terms = ys.map((y, i) => {
    const direction = b.constant(f32(uniform(sizeOf(y.shape), 7 + i), y.shape), `direction${i}`);
    return b.op('ReduceSum', [b.op('Mul', [y, direction])], { keepdims: 0 });
  });
  const loss = terms.reduce((a, t) => b.op('Add', [a, t]));
  b.output(loss, 'loss');
  gradients(b, loss, xs).forEach((g, i) => {
    b.output(g, `grad${i}`);
  });
  return b.build();
}

function whereOperands(b: GraphBuilder, x: Value): Value[] {
  return [b.op('Greater', [b.constant(f32(uniform(6, 3), [2, 3])), b.scalar(0)]), x, b.op('Mul', [x, x])];
}

const STEP = 2e-2;
/** Largest difference, relative to the largest entry of the gradient. */
const TOLERANCE = 3e-3;

describe('the gradient of every op equals central differences', () => {
  it.each(CASES.map((c) => [c.title ? `${c.op}, ${c.title}` : c.op, c] as const))('%s', async (_name, c) => {
    const graph = lossGraph(c);
    const { run, release } = await compile(graph);
    const feeds = Object.fromEntries(
      c.inputs.map((shape, i) => [`x${i}`, uniform(sizeOf(shape), 11 + i).map(c.map ?? ((x) => x))]),
    );
    const out = await run(feeds);
    for (let i = 0; i < c.inputs.length; i++) {
      const analytic = out[`grad${i}`]!;
      const scale = Math.max(0.1, ...analytic.map(Math.abs));
      for (let k = 0; k < analytic.length; k++) {
        const at = async (delta: number) => {
          const x = Float32Array.from(feeds[`x${i}`]!);
          x[k]! += delta;
          return (await run({ ...feeds, [`x${i}`]: x })).loss![0]!;
        };
        // Five-point stencil: its error is O(h^4), so that float32 noise and curvature both stay small.
        const h =
          c.op === 'MaxPool' || c.op.startsWith('ReduceM') || c.op === 'Max' || c.op === 'Min' ? 1e-3 : STEP;
        const numeric =
          (8 * ((await at(h)) - (await at(-h))) - ((await at(2 * h)) - (await at(-2 * h)))) / (12 * h);
        expect(Math.abs(numeric - analytic[k]!) / scale, `input ${i}, element ${k}`).toBeLessThan(TOLERANCE);
      }
    }
    await release();
  });

  it('covers every op that has a gradient', () => {
    const differentiable = [...OPS].filter(([, rule]) => rule.grad).map(([op]) => op);
    expect([...new Set(CASES.map((c) => c.op))].sort()).toEqual(differentiable.sort());
  });
});
