/** Composite ops in parts that have rules: those that opset 18 lacks, and those that are only another way of writing. */
import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Value } from '../ir.js';
import { DTYPE_CODES } from '../onnx.js';
import { intAttr, stringAttr } from '../ops/rule.js';
import { f32, numbersOf, sizeOf } from '../tensor.js';
import { type FileNode, keep, type Rewrite } from './file-node.js';

/** The last op under the node's own name. */
const named = (b: GraphBuilder, node: FileNode, op: string, inputs: readonly Value[], attrs = {}): Value[] =>
  b.ops(op, inputs, attrs, node.outputs.slice(0, 1));

/** x Phi(x), or its approximation by tanh. Source: Hendrycks and Gimpel, Gaussian Error Linear Units. */
const gelu: Rewrite = (b, node) => {
  const [x] = node.inputs as [Value];
  const times = (y: Value, k: number) => b.op('Mul', [y, b.scalar(k)]);
  const cubic = () => b.op('Add', [x, times(b.op('Mul', [b.op('Mul', [x, x]), x]), 0.044715)]);
  const step =
    stringAttr(node.attrs, 'approximate', 'none') === 'tanh'
      ? b.op('Tanh', [times(cubic(), Math.sqrt(2 / Math.PI))])
      : b.op('Erf', [times(x, Math.SQRT1_2)]);
  return named(b, node, 'Mul', [times(x, 0.5), b.op('Add', [step, b.scalar(1)])]);
};

/** Each group normalised as one channel of an instance; scale and bias are by group in opset 18, by channel in 21. */
const groupNormalization: Rewrite = (b, node, opset) => {
  const [x, scale, bias] = node.inputs as [Value, Value, Value];
  const [n, c, ...sizes] = x.shape as [number, number, ...number[]];
  const groups = intAttr(node.attrs, 'num_groups', 1);
  const ones = (k: number) => b.constant(f32(new Float32Array(groups).fill(k), [groups]));
  const epsilon = intAttr(node.attrs, 'epsilon', 1e-5);
  const rows = b.op('Reshape', [x, b.ints([n, groups, (c / groups) * sizeOf(sizes)])]);
  const normal = b.op('InstanceNormalization', [rows, ones(1), ones(0)], { epsilon });
  const back = b.op('Reshape', [normal, b.ints(x.shape)]);
  const perChannel = (v: Value) => {
    const column = [...sizes.map(() => 1)];
    if (opset >= 21) return b.op('Reshape', [v, b.ints([c, ...column])]);
    const wide = b.op('Expand', [b.op('Reshape', [v, b.ints([groups, 1])]), b.ints([groups, c / groups])]);
    return b.op('Reshape', [wide, b.ints([c, ...column])]);
  };
  return named(b, node, 'Add', [b.op('Mul', [back, perChannel(scale)]), perChannel(bias)]);
};

/** Vectors as matrices of one row or column. */
const matmul: Rewrite = (b, node) => {
  const [x, y] = node.inputs as [Value, Value];
  const vectors = [x.shape.length === 1, y.shape.length === 1];
  if (!vectors.includes(true)) return keep(b, node);
  const left = vectors[0] ? b.op('Unsqueeze', [x, b.ints([0])]) : x;
  const right = vectors[1] ? b.op('Unsqueeze', [y, b.ints([1])]) : y;
  const product = b.op('MatMul', [left, right]);
  const shape = product.shape.filter((_, i) => !vectors[i - product.shape.length + 2]);
  return named(b, node, 'Reshape', [product, b.ints(shape)]);
};

const sumOf = (b: GraphBuilder, terms: readonly Value[]): Value =>
  terms.reduce((sum, x) => b.op('Add', [sum, x]));

const globalMaxPool: Rewrite = (b, node) => {
  const [x] = node.inputs as [Value];
  return named(b, node, 'ReduceMax', [x, b.ints(upTo(x.shape.length).slice(2))], { keepdims: 1 });
};

/** Padding all around as indices along each axis. */
const pad: Rewrite = (b, node) => {
  if (node.attrs.mode !== 'wrap') return keep(b, node);
  const [x, pads, , axes] = node.inputs as [Value, Value, Value | undefined, Value | undefined];
  const known = (v: Value) => {
    const tensor = b.constantOf(v.name);
    if (!tensor) throw new Error('expected pads and axes to be constants');
    return numbersOf(tensor);
  };
  const list = axes ? known(axes) : upTo(x.shape.length);
  const given = known(pads);
  const turned = list.reduce((y, axis, i) => {
    const size = x.shape.at(axis)!;
    const [before, after] = [given[i]!, given[i + list.length]!];
    const indices = upTo(size + before + after).map((k) => (((k - before) % size) + size) % size);
    return b.op('Gather', [y, b.ints(indices)], { axis });
  }, x);
  return named(b, node, 'Identity', [turned]);
};

/** -log p of the labelled class, over axis 1; weights and ignored labels are refused. */
const negativeLogLikelihood: Rewrite = (b, node) => {
  const [logp, labels, weights] = node.inputs as [Value, Value, Value | undefined];
  if (weights || node.attrs.ignore_index !== undefined)
    throw new Error('expected neither weights nor ignored labels');
  const index = b.op('Unsqueeze', [labels, b.ints([1])]);
  const picked = b.op('Squeeze', [b.op('GatherElements', [logp, index], { axis: 1 }), b.ints([1])]);
  const losses = b.op('Neg', [picked]);
  const reduction = stringAttr(node.attrs, 'reduction', 'mean');
  if (reduction === 'none') return named(b, node, 'Identity', [losses]);
  return named(b, node, reduction === 'sum' ? 'ReduceSum' : 'ReduceMean', [losses], { keepdims: 0 });
};

export const decompositions: Readonly<Record<string, Rewrite>> = {
  Gelu: gelu,
  GroupNormalization: groupNormalization,
  MatMul: matmul,
  Pad: pad,
  GlobalMaxPool: globalMaxPool,
  Sum: (b, node) => named(b, node, 'Identity', [sumOf(b, node.inputs as Value[])]),
  Mean: (b, node) => {
    const sum = sumOf(b, node.inputs as Value[]);
    return named(b, node, 'Mul', [sum, b.scalar(1 / node.inputs.length)]);
  },
  CastLike: (b, node) =>
    named(b, node, 'Cast', [node.inputs[0]!], { to: DTYPE_CODES[node.inputs[1]!.dtype] }),
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: (b, node) => {
    if (node.outputs.length > 1)
      throw new Error('expected its second output, the log of the probabilities, to be unused');
    const [scores, ...rest] = node.inputs;
    const inputs = [b.op('LogSoftmax', [scores], { axis: 1 }), ...rest];
    return negativeLogLikelihood(b, { ...node, inputs }, 0);
  },
};
