/** Brings nodes of older opsets into the form of opset 18, the only one that our rules know. */
import type { GraphBuilder } from './builder.js';
import type { Attributes, Value } from './ir.js';

export interface FileNode {
  readonly op: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly string[];
  readonly attrs: Attributes;
}

/** Reductions that take their axes as an input from opset 18 on (ReduceSum does since 13). */
const AXES_INPUT_SINCE_18 = new Set([
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
]);

/** Adds the node to the builder in its opset 18 form and returns its outputs. */
export function upgrade(b: GraphBuilder, node: FileNode, opset: number): Value[] {
  const { op, outputs } = node;
  if (op === 'Constant') {
    const { value } = node.attrs;
    if (typeof value !== 'object' || !('data' in value))
      throw new Error(`Constant '${outputs[0]}' has no tensor value`);
    return [b.constant(value, outputs[0]!)];
  }
  if (opset < 18 && AXES_INPUT_SINCE_18.has(op) && Array.isArray(node.attrs.axes)) {
    const { axes, ...attrs } = node.attrs;
    return b.ops(op, [node.inputs[0], b.ints(axes as number[])], attrs, outputs);
  }
  if (opset < 18 && op === 'Split' && node.inputs.length === 1) {
    return b.ops(op, node.inputs, { ...node.attrs, num_outputs: outputs.length }, outputs);
  }
  return b.ops(op, node.inputs, node.attrs, outputs);
}
