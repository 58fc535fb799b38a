/** ONNX file -> Graph. Every value is typed again by our own rules; what the file says of inner shapes is not trusted. */
import { GraphBuilder } from './builder.js';
import type { Attribute, Attributes, Graph, Value } from './ir.js';
import {
  ATTRIBUTE,
  DIMENSION,
  dtypeOfCode,
  GRAPH,
  MODEL,
  NODE,
  OPSET_ID,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './onnx.js';
import { type Field, readFields, readPackedInts } from './protobuf.js';
import { type DType, sizeOf, type Tensor, type TensorData } from './tensor.js';
import { upgrade } from './upgrade.js';

export interface ReadOptions {
  /** Sizes of symbolic dimensions by name, e.g. `{ N: 1 }`. */
  dims?: Readonly<Record<string, number>>;
}

const SUPPORTED_OPSETS = { min: 17, max: 21 };
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads an ONNX model of opset 17 to 21 with all data inside the file.
 * Throws on a malformed file, other opsets or domains, external data, unbound dimensions and unknown ops, naming each.
 */
export function readOnnx(bytes: Uint8Array, options: ReadOptions = {}): Graph {
  // A Buffer's slice shares memory, and a tensor is copied out by slicing.
  const model = group(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const opset = one(model, MODEL.opsetImport, 'opset import');
  const fields = group(opset);
  const domain = fields.has(OPSET_ID.domain) ? textOf(fields, OPSET_ID.domain) : '';
  const version = Number(intOf(fields, OPSET_ID.version));
  if (domain !== '' && domain !== 'ai.onnx')
    throw new Error(`Expected the default operator domain but received '${domain}'`);
  if (version < SUPPORTED_OPSETS.min || version > SUPPORTED_OPSETS.max) {
    throw new Error(
      `Expected an opset from ${SUPPORTED_OPSETS.min} to ${SUPPORTED_OPSETS.max} but received ${version}: export the model again`,
    );
  }
  return readGraph(one(model, MODEL.graph, 'graph'), version, options.dims ?? {});
}

function readGraph(bytes: Uint8Array, opset: number, dims: Readonly<Record<string, number>>): Graph {
  const fields = group(bytes);
  const b = new GraphBuilder(fields.has(GRAPH.name) ? textOf(fields, GRAPH.name) : 'graph');
  const values = new Map<string, Value>();
  const constants = all(fields, GRAPH.initializer).map(readTensor);
  for (const { name, tensor } of constants) values.set(name, b.constant(tensor, name));
  for (const info of all(fields, GRAPH.input)) {
    const { name, dtype, shape } = readValueInfo(info, dims);
    if (!values.has(name)) values.set(name, b.input(name, dtype, shape));
  }
  for (const bytes of all(fields, GRAPH.node)) {
    const node = readNode(bytes);
    const inputs = node.inputs.map((name) => {
      const value = name ? values.get(name) : undefined;
      if (name && !value)
        throw new Error(`${node.op} '${node.outputs[0]}' reads '${name}', which is not defined`);
      return value;
    });
    const outputs = upgrade(b, { ...node, inputs }, opset);
    for (const [i, name] of node.outputs.entries()) if (name) values.set(name, outputs[i]!);
  }
  for (const info of all(fields, GRAPH.output)) {
    const name = textOf(group(info), VALUE_INFO.name);
    const value = values.get(name);
    if (!value) throw new Error(`Output '${name}' is not defined by any node`);
    b.output(value, name);
  }
  return b.build();
}

function readNode(bytes: Uint8Array): { op: string; inputs: string[]; outputs: string[]; attrs: Attributes } {
  const fields = group(bytes);
  const strings = (field: number) => all(fields, field).map((value) => utf8.decode(value));
  const op = textOf(fields, NODE.opType);
  const domain = fields.has(NODE.domain) ? textOf(fields, NODE.domain) : '';
  if (domain !== '' && domain !== 'ai.onnx')
    throw new Error(`Op '${op}' of domain '${domain}' is not supported`);
  return {
    op,
    inputs: strings(NODE.input),
    outputs: strings(NODE.output),
    attrs: Object.fromEntries(all(fields, NODE.attribute).map((a) => readAttribute(a, op))),
  };
}

function readAttribute(bytes: Uint8Array, op: string): [string, Attribute] {
  const fields = group(bytes);
  const name = textOf(fields, ATTRIBUTE.name);
  if (fields.has(ATTRIBUTE.i)) return [name, Number(intOf(fields, ATTRIBUTE.i))];
  if (fields.has(ATTRIBUTE.f)) return [name, floats(one(fields, ATTRIBUTE.f, name))[0]!];
  if (fields.has(ATTRIBUTE.s)) return [name, textOf(fields, ATTRIBUTE.s)];
  if (fields.has(ATTRIBUTE.t)) return [name, readTensor(one(fields, ATTRIBUTE.t, name)).tensor];
  if (fields.has(ATTRIBUTE.floats)) return [name, all(fields, ATTRIBUTE.floats).flatMap(floats)];
  if (fields.has(ATTRIBUTE.ints)) return [name, ints(fields, ATTRIBUTE.ints)];
  if (fields.has(ATTRIBUTE.g)) throw new Error(`${op}: sub-graphs are not supported (attribute '${name}')`);
  return [name, []];
}

function readTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  const fields = group(bytes);
  const name = fields.has(TENSOR.name) ? textOf(fields, TENSOR.name) : '';
  const code = Number(intOf(fields, TENSOR.dataType));
  const dtype = dtypeOfCode(code);
  if (!dtype) throw new Error(`Tensor '${name}' has element type ${code}, which is not supported`);
  if (fields.has(TENSOR.externalData))
    throw new Error(`Tensor '${name}' is stored outside the file: save it as one file`);
  const shape = ints(fields, TENSOR.dims);
  const data = tensorData(fields, dtype);
  if (data.length !== sizeOf(shape)) {
    throw new Error(`Tensor '${name}' of shape [${shape}] has ${data.length} elements`);
  }
  return { name, tensor: { dtype, shape, data } };
}

function tensorData(fields: Fields, dtype: DType): TensorData {
  const raw = all(fields, TENSOR.rawData)[0];
  if (raw) {
    // A copy, for typed arrays must start at a multiple of their element size.
    const buffer = raw.slice().buffer;
    switch (dtype) {
      case 'float32':
        return new Float32Array(buffer);
      case 'float64':
        return new Float64Array(buffer);
      case 'int64':
        return new BigInt64Array(buffer);
      case 'int32':
        return new Int32Array(buffer);
      case 'float16':
        return new Uint16Array(buffer);
      case 'bool':
      case 'uint8':
        return new Uint8Array(buffer);
    }
  }
  switch (dtype) {
    case 'float32':
      return Float32Array.from(all(fields, TENSOR.floatData).flatMap(floats));
    case 'float64':
      return Float64Array.from(
        all(fields, TENSOR.doubleData).flatMap((v) => [...new Float64Array(v.slice().buffer)]),
      );
    case 'int64':
      return BigInt64Array.from(ints(fields, TENSOR.int64Data), BigInt);
    case 'int32':
      return Int32Array.from(ints(fields, TENSOR.int32Data));
    case 'float16':
      return Uint16Array.from(ints(fields, TENSOR.int32Data));
    case 'bool':
    case 'uint8':
      return Uint8Array.from(ints(fields, TENSOR.int32Data));
  }
}

function readValueInfo(bytes: Uint8Array, dims: Readonly<Record<string, number>>) {
  const fields = group(bytes);
  const name = textOf(fields, VALUE_INFO.name);
  const type = group(one(fields, VALUE_INFO.type, `type of '${name}'`));
  const tensor = group(one(type, TYPE.tensorType, `tensor type of '${name}'`));
  const dtype = dtypeOfCode(Number(intOf(tensor, TENSOR_TYPE.elemType)));
  if (!dtype) throw new Error(`Input '${name}' has an element type that is not supported`);
  const shape = all(group(one(tensor, TENSOR_TYPE.shape, `shape of '${name}'`)), SHAPE.dim).map(
    (dim, axis) => {
      const d = group(dim);
      if (d.has(DIMENSION.value)) return Number(intOf(d, DIMENSION.value));
      const symbol = d.has(DIMENSION.param) ? textOf(d, DIMENSION.param) : '?';
      const size = dims[symbol];
      if (size === undefined)
        throw new Error(`Axis ${axis} of input '${name}' is open ('${symbol}'): give its size`);
      return size;
    },
  );
  return { name, dtype, shape };
}

type Fields = Map<number, Field['value'][]>;

function group(bytes: Uint8Array): Fields {
  const out: Fields = new Map();
  for (const { field, value } of readFields(bytes)) {
    const list = out.get(field);
    if (list) list.push(value);
    else out.set(field, [value]);
  }
  return out;
}

const all = (fields: Fields, field: number): Uint8Array[] =>
  (fields.get(field) ?? []).filter((value) => typeof value !== 'bigint');

function one(fields: Fields, field: number, what: string): Uint8Array {
  const value = fields.get(field)?.at(-1);
  if (value === undefined || typeof value === 'bigint')
    throw new Error(`Not an ONNX model: it has no ${what}`);
  return value;
}

function intOf(fields: Fields, field: number): bigint {
  const value = fields.get(field)?.at(-1) ?? 0n;
  if (typeof value !== 'bigint') throw new Error(`Not an ONNX model: field ${field} is not a number`);
  return value;
}

const textOf = (fields: Fields, field: number): string =>
  utf8.decode(one(fields, field, `text in field ${field}`));

const ints = (fields: Fields, field: number): number[] =>
  (fields.get(field) ?? []).flatMap((v) => (typeof v === 'bigint' ? [v] : readPackedInts(v))).map(Number);

const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.slice().buffer)];
