/** How much a graph multiplies: read off its shapes. */
import type { Graph, Node, Type } from '../../src/models/graph/ir.js';
import { intAttr } from '../../src/models/graph/ops/rule.js';
import { sizeOf } from '../../src/models/graph/tensor.js';

type TypeOf = (name: string) => Type | undefined;

/**
 * Multiply-accumulates of all convolutions and matrix products of a graph, as its nodes do them: a convolution that a
 * pass has written in a cheaper form counts as what it now is. What is computed from constants alone counts nothing: the
 * runtime folds it once.
 */
export function macsOf(graph: Graph): number {
  const folded = new Set(graph.constants.keys());
  let macs = 0;
  for (const node of graph.nodes) {
    const constant = node.inputs.length > 0 && node.inputs.every((name) => !name || folded.has(name));
    if (constant) for (const name of node.outputs) folded.add(name);
    else macs += nodeMacs(node, (name) => graph.types.get(name));
  }
  return macs;
}

function nodeMacs(node: Node, typeOf: TypeOf): number {
  const shape = (name: string | undefined): readonly number[] => {
    const type = name === undefined ? undefined : typeOf(name);
    if (!type) throw new Error(`${node.op} '${node.outputs[0]}' has no shape for '${name}'`);
    return type.shape;
  };
  const [a, weight] = node.inputs;
  const result = node.outputs[0];
  switch (node.op) {
    case 'Conv':
      // weight [M, C/groups, k..]: each output value sums over all but the first axis
      return sizeOf(shape(result)) * sizeOf(shape(weight).slice(1));
    case 'ConvTranspose':
      // weight [C, M/groups, k..]: each input value is spread over all but the first axis
      return sizeOf(shape(a)) * sizeOf(shape(weight).slice(1));
    case 'MatMul':
      return sizeOf(shape(result)) * shape(a).at(-1)!;
    case 'Gemm':
      return sizeOf(shape(result)) * shape(a)[intAttr(node.attrs, 'transA', 0) === 0 ? 1 : 0]!;
    default:
      return 0;
  }
}
