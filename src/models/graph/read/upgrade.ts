/** Brings nodes of opsets 17 to 21 into the form of opset 18, the only one that our rules know, and composites into parts. */
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Value } from '../ir.js';
import { OPS } from '../ops/index.js';
import { expectInputs } from '../ops/rule.js';
import { bool, f32, i64, numbersOf, type Tensor } from '../tensor.js';
import { decompositions } from './decompose.js';
import { withExplicitWindow } from './explicit-window.js';
import { type FileNode, keep, type Rewrite } from './file-node.js';

/** Attributes that later opsets added and that change nothing here. */
const without = (attrs: Attributes, ...names: string[]): Attributes =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => !names.includes(name)));

/** Before opset 18 the axes were an attribute (those of ReduceSum were an input already). */
const reduction: Rewrite = (b, node) => {
  const { axes } = node.attrs;
  if (!Array.isArray(axes)) return keep(b, node);
  return keep(b, node, {
    inputs: [node.inputs[0], b.ints(axes as number[])],
    attrs: without(node.attrs, 'axes'),
  });
};

function constantOf({ attrs, outputs }: FileNode): Tensor {
  const [[name, value] = ['value', undefined]] = Object.entries(attrs);
  const list = Array.isArray(value) ? (value as number[]) : [];
  switch (name) {
    case 'value':
      if (typeof value === 'object' && 'data' in value) return value;
      break;
    case 'value_float':
      return f32([value as number]);
    case 'value_floats':
      return f32(list, [list.length]);
    case 'value_int':
      return i64([value as number], []);
    case 'value_ints':
      return i64(list);
  }
  throw new Error(`Constant '${outputs[0]}' holds '${name}', expected a tensor or numbers`);
}

const REWRITES: Readonly<Record<string, Rewrite>> = {
  Constant: (b, node) => [b.constant(constantOf(node), node.outputs[0] || b.fresh('constant'))],
  Identity: (_b, { inputs }) => [inputs[0]!],
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceSumSquare: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  Split: (b, node) =>
    node.inputs[1]
      ? keep(b, node)
      : keep(b, node, { attrs: { ...node.attrs, num_outputs: node.outputs.length } }),
  Cast: (b, node) => keep(b, node, { attrs: without(node.attrs, 'saturate', 'round_mode') }),
  /** As at inference: nothing is dropped. */
  Dropout: (b, node) => {
    const [x, , training] = node.inputs as [Value, Value | undefined, Value | undefined];
    const known = training && b.constantOf(training.name);
    if (training && (!known || numbersOf(known)[0] !== 0))
      throw new Error('drops at random as in training: export the model in evaluation mode');
    if (node.outputs.length === 1) return [x];
    const all = { value: bool([true], [1]) };
    return [x, ...b.ops('ConstantOfShape', [b.ints(x.shape)], all, [node.outputs[1]!])];
  },
  BatchNormalization: (b, node) => {
    if (node.attrs.training_mode === 1 || node.outputs.length > 1)
      throw new Error('normalises by the batch as in training: export the model in evaluation mode');
    return keep(b, node, { attrs: without(node.attrs, 'training_mode', 'momentum') });
  },
  Conv: withExplicitWindow,
  ConvTranspose: withExplicitWindow,
  MaxPool: withExplicitWindow,
  AveragePool: withExplicitWindow,
  ...decompositions,
};

/** Adds the node to the builder in its opset 18 form and returns its outputs. */
export function upgrade(b: GraphBuilder, node: FileNode, opset: number): Value[] {
  const rule = OPS.get(node.op) ?? { arity: node.op === 'Constant' ? [0, 0] : [1, 1] };
  expectInputs(rule, (i) => node.inputs[i] !== undefined);
  const rewrite = Object.hasOwn(REWRITES, node.op) ? REWRITES[node.op]! : keep;
  return rewrite(b, node, opset);
}

/** Ops whose outputs after the first are made only where they are read. */
export const OPTIONAL_OUTPUTS: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'Dropout',
  'LayerNormalization',
  'MaxPool',
  'SoftmaxCrossEntropyLoss',
]);

/** Ops that are read although no rule knows them: others take their place. */
export const READ_AS_OTHERS: readonly string[] = ['If', ...Object.keys(REWRITES)].filter(
  (op) => !OPS.has(op),
);
