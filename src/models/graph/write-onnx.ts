/** Graph -> ONNX file. The same graph always gives the same bytes. */
import { type Attribute, type Graph, isGraph, isTensor, type Node } from './ir.js';
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  DTYPE_CODES,
  FLOAT_ATTRIBUTES,
  GRAPH,
  IR_VERSION,
  MODEL,
  NODE,
  OPSET,
  OPSET_ID,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './onnx.js';
import { MessageWriter } from './protobuf.js';
import type { Tensor } from './tensor.js';

export interface WriteOptions {
  /** Axes of inputs and outputs to leave open, e.g. `{ w: { 0: 'N' } }`. The graph must not depend on their size. */
  symbolic?: Readonly<Record<string, Readonly<Record<number, string>>>>;
}

/** Serialises to an ONNX model of opset 18 and the default domain. */
export function writeOnnx(graph: Graph, options: WriteOptions = {}): Uint8Array {
  return new MessageWriter()
    .int(MODEL.irVersion, IR_VERSION)
    .string(MODEL.producerName, 'latentmorph')
    .message(MODEL.graph, graphMessage(graph, options.symbolic ?? {}))
    .message(MODEL.opsetImport, new MessageWriter().string(OPSET_ID.domain, '').int(OPSET_ID.version, OPSET))
    .finish();
}

function graphMessage(graph: Graph, symbolic: NonNullable<WriteOptions['symbolic']>): MessageWriter {
  const out = new MessageWriter();
  for (const node of graph.nodes) out.message(GRAPH.node, nodeMessage(node));
  out.string(GRAPH.name, graph.name);
  for (const [name, tensor] of graph.constants) out.message(GRAPH.initializer, tensorMessage(tensor, name));
  for (const name of graph.inputs) out.message(GRAPH.input, valueInfo(graph, name, symbolic[name]));
  for (const name of graph.outputs) out.message(GRAPH.output, valueInfo(graph, name, symbolic[name]));
  return out;
}

function nodeMessage(node: Node): MessageWriter {
  const out = new MessageWriter();
  for (const name of node.inputs) out.string(NODE.input, name);
  for (const name of node.outputs) out.string(NODE.output, name);
  out.string(NODE.name, node.outputs[0]!).string(NODE.opType, node.op);
  for (const [name, value] of Object.entries(node.attrs)) {
    out.message(NODE.attribute, attributeMessage(name, value));
  }
  return out;
}

function attributeMessage(name: string, value: Attribute): MessageWriter {
  const out = new MessageWriter().string(ATTRIBUTE.name, name);
  const real = FLOAT_ATTRIBUTES.has(name);
  if (typeof value === 'number') {
    if (real) return out.float(ATTRIBUTE.f, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.float);
    return out.int(ATTRIBUTE.i, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  }
  if (typeof value === 'string')
    return out.string(ATTRIBUTE.s, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.string);
  if (isGraph(value))
    return out.message(ATTRIBUTE.g, graphMessage(value, {})).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.graph);
  if (isTensor(value))
    return out.message(ATTRIBUTE.t, tensorMessage(value)).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.tensor);
  for (const x of value) {
    if (real) out.float(ATTRIBUTE.floats, x);
    else out.int(ATTRIBUTE.ints, x);
  }
  return out.int(ATTRIBUTE.type, real ? ATTRIBUTE_TYPE.floats : ATTRIBUTE_TYPE.ints);
}

function tensorMessage(tensor: Tensor, name?: string): MessageWriter {
  const out = new MessageWriter();
  for (const d of tensor.shape) out.int(TENSOR.dims, d);
  out.int(TENSOR.dataType, DTYPE_CODES[tensor.dtype]);
  if (name !== undefined) out.string(TENSOR.name, name);
  const { buffer, byteOffset, byteLength } = tensor.data;
  return out.bytes(TENSOR.rawData, new Uint8Array(buffer, byteOffset, byteLength));
}

function valueInfo(
  graph: Graph,
  name: string,
  symbolic: Readonly<Record<number, string>> = {},
): MessageWriter {
  const type = graph.types.get(name);
  if (!type) throw new Error(`Graph '${graph.name}' has no type for '${name}'`);
  const shape = new MessageWriter();
  type.shape.forEach((d, axis) => {
    const param = symbolic[axis];
    const dim = new MessageWriter();
    shape.message(SHAPE.dim, param ? dim.string(DIMENSION.param, param) : dim.int(DIMENSION.value, d));
  });
  const tensorType = new MessageWriter()
    .int(TENSOR_TYPE.elemType, DTYPE_CODES[type.dtype])
    .message(TENSOR_TYPE.shape, shape);
  return new MessageWriter()
    .string(VALUE_INFO.name, name)
    .message(VALUE_INFO.type, new MessageWriter().message(TYPE.tensorType, tensorType));
}
