/** Model files written by hand, as other tools might: any opset, op, domain and attribute. */
import * as ort from 'onnxruntime-node';
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  DTYPE_CODES,
  FUNCTION,
  GRAPH,
  MODEL,
  NODE,
  OPSET_ID,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from '../../src/models/graph/onnx.js';
import { MessageWriter } from '../../src/models/graph/protobuf.js';
import type { DType, Tensor } from '../../src/models/graph/tensor.js';

/** Numbers with a fraction and all in `real` are floats. */
export type FileAttribute =
  | number
  | string
  | readonly number[]
  | Tensor
  | FileGraph
  | { real: number | readonly number[] };

export interface FileNode {
  op: string;
  domain?: string;
  inputs?: readonly string[];
  outputs: readonly string[];
  attrs?: Readonly<Record<string, FileAttribute>>;
  /** Attributes taken from the function around, by its names. */
  references?: Readonly<Record<string, string>>;
}

export interface FileGraph {
  nodes: readonly FileNode[];
  /** Open axes by symbol, or by `null` without one. */
  inputs?: Readonly<Record<string, { dtype?: DType; shape: readonly (number | string | null)[] }>>;
  constants?: Readonly<Record<string, Tensor>>;
  outputs: readonly string[];
  /** Shape of the outputs of a branch, which the runtime asks for. */
  outputShape?: readonly number[];
}

export interface FileModel extends FileGraph {
  opset: number;
  /** Versions of other domains. */
  domains?: Readonly<Record<string, number>>;
  functions?: readonly {
    domain: string;
    name: string;
    inputs: readonly string[];
    outputs: readonly string[];
    attributes?: readonly string[];
    nodes: readonly FileNode[];
  }[];
}

const IR_VERSION = 10;

export function onnxFile(model: FileModel): Uint8Array {
  const opsets = Object.entries({ '': model.opset, ...model.domains });
  const file = new MessageWriter().int(MODEL.irVersion, IR_VERSION).message(MODEL.graph, graphMessage(model));
  for (const [domain, version] of opsets) file.message(MODEL.opsetImport, opsetMessage(domain, version));
  for (const f of model.functions ?? []) {
    const message = new MessageWriter().string(FUNCTION.name, f.name).string(FUNCTION.domain, f.domain);
    for (const name of f.inputs) message.string(FUNCTION.input, name);
    for (const name of f.outputs) message.string(FUNCTION.output, name);
    for (const name of f.attributes ?? []) message.string(ATTRIBUTES_OF_FUNCTION, name);
    for (const node of f.nodes) message.message(FUNCTION.node, nodeMessage(node));
    for (const [domain, version] of opsets)
      message.message(FUNCTION.opsetImport, opsetMessage(domain, version));
    file.message(MODEL.functions, message);
  }
  return file.finish();
}

/** The outputs of a model file by ONNX Runtime, as numbers. */
export async function runFile(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, ort.Tensor>> = {},
): Promise<Record<string, { shape: readonly number[]; data: number[] }>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const out = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(out).map(([name, { dims, data }]) => [
        name,
        { shape: dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

const ATTRIBUTES_OF_FUNCTION = 6;

const opsetMessage = (domain: string, version: number): MessageWriter =>
  new MessageWriter().string(OPSET_ID.domain, domain).int(OPSET_ID.version, version);

function graphMessage(graph: FileGraph): MessageWriter {
  const out = new MessageWriter();
  for (const node of graph.nodes) out.message(GRAPH.node, nodeMessage(node));
  out.string(GRAPH.name, 'by hand');
  for (const [name, tensor] of Object.entries(graph.constants ?? {}))
    out.message(GRAPH.initializer, tensorMessage(tensor, name));
  for (const [name, { dtype = 'float32', shape }] of Object.entries(graph.inputs ?? {}))
    out.message(GRAPH.input, valueInfo(name, dtype, shape));
  for (const name of graph.outputs) {
    const shape = graph.outputShape;
    const info = shape
      ? valueInfo(name, 'float32', shape)
      : new MessageWriter().string(VALUE_INFO.name, name);
    out.message(GRAPH.output, info);
  }
  return out;
}

function valueInfo(name: string, dtype: DType, shape: readonly (number | string | null)[]): MessageWriter {
  const dims = new MessageWriter();
  for (const d of shape) {
    const dim = new MessageWriter();
    if (typeof d === 'number') dim.int(DIMENSION.value, d);
    if (typeof d === 'string') dim.string(DIMENSION.param, d);
    dims.message(SHAPE.dim, dim);
  }
  const tensor = new MessageWriter()
    .int(TENSOR_TYPE.elemType, DTYPE_CODES[dtype])
    .message(TENSOR_TYPE.shape, dims);
  const type = new MessageWriter().message(TYPE.tensorType, tensor);
  return new MessageWriter().string(VALUE_INFO.name, name).message(VALUE_INFO.type, type);
}

function nodeMessage({
  op,
  domain,
  inputs = [],
  outputs,
  attrs = {},
  references = {},
}: FileNode): MessageWriter {
  const out = new MessageWriter();
  for (const name of inputs) out.string(NODE.input, name);
  for (const name of outputs) out.string(NODE.output, name);
  out.string(NODE.opType, op);
  if (domain !== undefined) out.string(NODE.domain, domain);
  for (const [name, value] of Object.entries(attrs))
    out.message(NODE.attribute, attributeMessage(name, value));
  for (const [name, from] of Object.entries(references)) {
    const reference = new MessageWriter().string(ATTRIBUTE.name, name).string(ATTRIBUTE.refAttrName, from);
    out.message(NODE.attribute, reference.int(ATTRIBUTE.type, ATTRIBUTE_TYPE.int));
  }
  return out;
}

function attributeMessage(name: string, value: FileAttribute): MessageWriter {
  const out = new MessageWriter().string(ATTRIBUTE.name, name);
  const typed = (type: keyof typeof ATTRIBUTE_TYPE): MessageWriter =>
    out.int(ATTRIBUTE.type, ATTRIBUTE_TYPE[type]);
  if (typeof value === 'string') return typed('string').string(ATTRIBUTE.s, value);
  if (typeof value === 'number')
    return Number.isInteger(value)
      ? typed('int').int(ATTRIBUTE.i, value)
      : typed('float').float(ATTRIBUTE.f, value);
  if (Array.isArray(value)) {
    for (const x of value as readonly number[]) out.int(ATTRIBUTE.ints, x);
    return typed('ints');
  }
  if ('real' in value) {
    if (typeof value.real === 'number') return typed('float').float(ATTRIBUTE.f, value.real);
    for (const x of value.real) out.float(ATTRIBUTE.floats, x);
    return typed('floats');
  }
  if ('nodes' in value) return typed('graph').message(ATTRIBUTE.g, graphMessage(value));
  return typed('tensor').message(ATTRIBUTE.t, tensorMessage(value as Tensor));
}

function tensorMessage(tensor: Tensor, name?: string): MessageWriter {
  const out = new MessageWriter();
  for (const d of tensor.shape) out.int(TENSOR.dims, d);
  out.int(TENSOR.dataType, DTYPE_CODES[tensor.dtype]);
  if (name !== undefined) out.string(TENSOR.name, name);
  const { buffer, byteOffset, byteLength } = tensor.data;
  return out.bytes(TENSOR.rawData, new Uint8Array(buffer, byteOffset, byteLength));
}
