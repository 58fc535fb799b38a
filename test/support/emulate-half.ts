/**
 * A graph of half precision as one of single precision that rounds where it does. The CPU needs this: ONNX Runtime has
 * few kernels of half precision there, computes in single instead and takes out the casts between two such nodes.
 * Convolutions add up in single precision here as on a GPU.
 */
import { GraphBuilder } from '../../src/models/graph/builder.js';
import { fromHalf } from '../../src/models/graph/half.js';
import { type Attributes, type Graph, isGraph, type Node, type Value } from '../../src/models/graph/ir.js';
import { f32 } from '../../src/models/graph/tensor.js';

type Lookup = (name: string) => Value;

export function emulateHalf(graph: Graph): Graph {
  return emulate(graph, new GraphBuilder(graph.name), (name) => {
    throw new Error(`'${name}' is not defined`);
  });
}

function emulate(graph: Graph, b: GraphBuilder, outer: Lookup): Graph {
  const values = new Map<string, Value>();
  const lookup: Lookup = (name) => values.get(name) ?? outer(name);
  for (const name of graph.inputs) {
    const { dtype, shape } = graph.types.get(name)!;
    values.set(name, b.input(name, dtype, shape));
  }
  for (const [name, tensor] of graph.constants) {
    const single =
      tensor.dtype === 'float16'
        ? f32(Float32Array.from(tensor.data as Uint16Array, fromHalf), tensor.shape)
        : tensor;
    values.set(name, b.constant(single, name));
  }
  for (const node of graph.nodes) {
    const outputs = emulateNode(node, b, lookup, graph);
    for (const [i, name] of node.outputs.entries()) values.set(name, outputs[i]!);
  }
  for (const name of graph.outputs) b.output(lookup(name), name);
  return b.build();
}

function emulateNode(node: Node, b: GraphBuilder, lookup: Lookup, graph: Graph): Value[] {
  const inputs = node.inputs.map((name) => (name ? lookup(name) : undefined));
  const isHalf = (name: string): boolean => graph.types.get(name)?.dtype === 'float16';
  if (node.op === 'Cast' && node.outputs.every((name) => !isHalf(name)) && inputs[0]!.dtype === 'float32') {
    return [b.op('Identity', [inputs[0]], {}, node.outputs[0])];
  }
  if (!node.outputs.some(isHalf)) return b.ops(node.op, inputs, attributes(node, b, lookup), node.outputs);
  const exact =
    node.op === 'Cast'
      ? [inputs[0]!]
      : b.ops(
          node.op,
          inputs,
          node.attrs,
          node.outputs.map((name) => `${name}.exact`),
        );
  return exact.map((value, i) => {
    const rounded = b.op('Cast', [value], { to: 10 }, `${node.outputs[i]}.bits`);
    return b.op('Cast', [rounded], { to: 1 }, node.outputs[i]);
  });
}

function attributes(node: Node, b: GraphBuilder, lookup: Lookup): Attributes {
  return Object.fromEntries(
    Object.entries(node.attrs).map(([key, attribute]) => [
      key,
      isGraph(attribute) ? emulate(attribute, new GraphBuilder(attribute.name, b), lookup) : attribute,
    ]),
  );
}
