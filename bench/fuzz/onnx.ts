/** ONNX files with what a reader has to think about: shape arithmetic, functions, branches, open axes, older ops. */
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
import { readOnnx } from '../../src/models/graph/read-onnx.js';
import { changedMessage } from './protobuf-change.js';
import { isAccident, type Target, texts } from './target.js';

const message = (): MessageWriter => new MessageWriter();

interface FileNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly graphs?: Readonly<Record<string, MessageWriter>>;
  readonly domain?: string;
}

function nodeOf({ op, inputs, outputs, ints = {}, graphs = {}, domain = '' }: FileNode): MessageWriter {
  const out = message();
  for (const name of inputs) out.string(NODE.input, name);
  for (const name of outputs) out.string(NODE.output, name);
  out.string(NODE.opType, op).string(NODE.domain, domain);
  for (const [name, value] of Object.entries(ints)) {
    const attribute = message().string(ATTRIBUTE.name, name);
    if (typeof value === 'number') attribute.int(ATTRIBUTE.i, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
    else {
      for (const x of value) attribute.int(ATTRIBUTE.ints, x);
      attribute.int(ATTRIBUTE.type, ATTRIBUTE_TYPE.ints);
    }
    out.message(NODE.attribute, attribute);
  }
  for (const [name, graph] of Object.entries(graphs))
    out.message(NODE.attribute, message().string(ATTRIBUTE.name, name).message(ATTRIBUTE.g, graph));
  return out;
}

function infoOf(name: string, shape: readonly (number | string)[]): MessageWriter {
  const dims = message();
  for (const d of shape)
    dims.message(
      SHAPE.dim,
      typeof d === 'number' ? message().int(DIMENSION.value, d) : message().string(DIMENSION.param, d),
    );
  const tensor = message().int(TENSOR_TYPE.elemType, DTYPE_CODES.float32).message(TENSOR_TYPE.shape, dims);
  return message()
    .string(VALUE_INFO.name, name)
    .message(VALUE_INFO.type, message().message(TYPE.tensorType, tensor));
}

function constantOf(
  name: string,
  dtype: 'float32' | 'int64',
  shape: readonly number[],
  data: ArrayBufferView,
) {
  const out = message();
  for (const d of shape) out.int(TENSOR.dims, d);
  const { buffer, byteOffset, byteLength } = data;
  return out
    .int(TENSOR.dataType, DTYPE_CODES[dtype])
    .string(TENSOR.name, name)
    .bytes(TENSOR.rawData, new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
}

interface FileGraph {
  readonly nodes: readonly FileNode[];
  readonly constants?: readonly MessageWriter[];
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: readonly string[];
}

function graphOf({ nodes, constants = [], inputs = {}, outputs }: FileGraph): MessageWriter {
  const out = message();
  for (const node of nodes) out.message(GRAPH.node, nodeOf(node));
  out.string(GRAPH.name, 'g');
  for (const constant of constants) out.message(GRAPH.initializer, constant);
  for (const [name, shape] of Object.entries(inputs)) out.message(GRAPH.input, infoOf(name, shape));
  for (const name of outputs) out.message(GRAPH.output, message().string(VALUE_INFO.name, name));
  return out;
}

function fileOf(graph: FileGraph, opset = 18, functions: readonly MessageWriter[] = []): Uint8Array {
  const out = message().int(MODEL.irVersion, 8).message(MODEL.graph, graphOf(graph));
  out.message(MODEL.opsetImport, message().string(OPSET_ID.domain, '').int(OPSET_ID.version, opset));
  for (const f of functions) out.message(MODEL.functions, f);
  return out.finish();
}

const twice = message()
  .string(FUNCTION.name, 'Twice')
  .string(FUNCTION.domain, 'own')
  .string(FUNCTION.input, 'a')
  .string(FUNCTION.output, 'b')
  .message(FUNCTION.node, nodeOf({ op: 'Add', inputs: ['a', 'a'], outputs: ['b'] }))
  .message(FUNCTION.opsetImport, message().string(OPSET_ID.domain, '').int(OPSET_ID.version, 18));
const branch = (op: string): MessageWriter =>
  graphOf({ nodes: [{ op, inputs: ['x'], outputs: [`${op}.y`] }], outputs: [`${op}.y`] });
const ints = (...list: number[]): BigInt64Array => BigInt64Array.from(list, BigInt);

const SEEDS = [
  fileOf({
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], ints: { pads: [1, 1, 1, 1], strides: [1, 1] } },
      { op: 'Relu', inputs: ['c'], outputs: ['r'] },
      { op: 'MaxPool', inputs: ['r'], outputs: ['p'], ints: { kernel_shape: [2, 2], strides: [2, 2] } },
      { op: 'Flatten', inputs: ['p'], outputs: ['y'] },
    ],
    constants: [constantOf('w', 'float32', [2, 1, 3, 3], new Float32Array(18).fill(0.5))],
    inputs: { x: [1, 1, 8, 8] },
    outputs: ['y'],
  }),
  fileOf({
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['s'] },
      { op: 'Gather', inputs: ['s', 'i'], outputs: ['g'], ints: { axis: 0 } },
      { op: 'Concat', inputs: ['g', 'm'], outputs: ['t'], ints: { axis: 0 } },
      { op: 'Reshape', inputs: ['x', 't'], outputs: ['z'] },
      { op: 'ConstantOfShape', inputs: ['s'], outputs: ['o'] },
      { op: 'Expand', inputs: ['o', 's'], outputs: ['e'] },
      { op: 'Tile', inputs: ['e', 's'], outputs: ['l'] },
      { op: 'Transpose', inputs: ['z'], outputs: ['y'], ints: { perm: [1, 0] } },
    ],
    constants: [constantOf('i', 'int64', [1], ints(0)), constantOf('m', 'int64', [1], ints(-1))],
    inputs: { x: [2, 'N', 3] },
    outputs: ['y', 'l'],
  }),
  fileOf(
    {
      nodes: [
        { op: 'Twice', domain: 'own', inputs: ['x'], outputs: ['t'] },
        { op: 'Twice', domain: 'own', inputs: ['t'], outputs: ['u'] },
        { op: 'ReduceMean', inputs: ['u'], outputs: ['y'], ints: { axes: [1], keepdims: 0 } },
      ],
      inputs: { x: [2, 2] },
      outputs: ['y'],
    },
    17,
    [twice],
  ),
  fileOf({
    nodes: [
      { op: 'Size', inputs: ['x'], outputs: ['n'] },
      { op: 'Equal', inputs: ['n', 'four'], outputs: ['q'] },
      {
        op: 'If',
        inputs: ['q'],
        outputs: ['b'],
        graphs: { then_branch: branch('Relu'), else_branch: branch('Neg') },
      },
      { op: 'Range', inputs: ['zero', 'n', 'one'], outputs: ['r'] },
      { op: 'Slice', inputs: ['r', 'z1', 'o1'], outputs: ['d'] },
      { op: 'Dropout', inputs: ['b'], outputs: ['y', 'mask'] },
    ],
    constants: [
      constantOf('four', 'int64', [], ints(4)),
      constantOf('zero', 'int64', [], ints(0)),
      constantOf('one', 'int64', [], ints(1)),
      constantOf('z1', 'int64', [1], ints(0)),
      constantOf('o1', 'int64', [1], ints(2)),
    ],
    inputs: { x: [2, 2] },
    outputs: ['y', 'mask', 'd'],
  }),
];

const TOKENS = [
  'Add', 'Mul', 'MatMul', 'Gemm', 'Expand', 'Tile', 'Range', 'ConstantOfShape', 'Shape', 'Size', 'Dropout', 'If', 'Loop', 'Resize', 'Pad', 'Concat', 'Split', 'Gather',
  'GatherND', 'ScatterND', 'Slice', 'Where', 'NonZero', 'Einsum', 'Softmax', 'LayerNormalization', 'ConvTranspose', 'Identity', 'Twice', 'constructor', 'toString', '__proto__',
  'own', 'ai.onnx', 'x', 's', 'then_branch', 'axes', 'value', 'pads', 'kernel_shape', '\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f', '\x80\x80\x80\x80\x01',
]; // biome-ignore format: names

export const onnxTarget = async (): Promise<Target> => ({
  seeds: SEEDS,
  tokens: texts(...TOKENS),
  maxBytes: 65_536,
  change: changedMessage,
  read: (bytes) => readOnnx(bytes, { dims: { N: 4 } }),
  isRefusal: (error) => !isAccident(error),
});
