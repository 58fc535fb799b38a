/**
 * Strict reader of OpenVINO IR v10 (XML + bin), the subset that MobileStyleGAN uses. Whatever the table of layers does
 * not list (a layer type, its opset, an attribute or a value of one) is refused by name: a network that is read wrongly
 * still draws something.
 */
import { type DType, f32, sizeOf, type Tensor } from '../graph/tensor.js';
import { type Element, parseXml } from './xml.js';

/** One output of a layer. */
export interface Ref {
  readonly layer: number;
  readonly port: number;
}

export interface Port {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface Layer {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
  /** What feeds each input, in port order. */
  readonly inputs: readonly Ref[];
  readonly outputs: ReadonlyMap<number, Port>;
  /** The data of a `Const`. */
  readonly constant?: Tensor;
}

export interface SourceNet {
  readonly name: string;
  /** By id, in topological order. */
  readonly layers: ReadonlyMap<number, Layer>;
}

interface LayerRule {
  readonly opset: string;
  readonly inputs: readonly [min: number, max: number];
  readonly outputs?: readonly [min: number, max: number];
  readonly attrs?: Readonly<Record<string, RegExp>>;
}

const LIST = /^\d+(, \d+)*$/;
const SHAPE = /^(\d+(, ?\d+)*)?$/;
const WINDOW = {
  strides: LIST,
  pads_begin: LIST,
  pads_end: LIST,
  dilations: /^1, 1$/,
  auto_pad: /^explicit$/,
};
const NUMPY = { auto_broadcast: /^numpy$/ };

const LAYERS: Readonly<Record<string, LayerRule>> = {
  Parameter: { opset: 'opset1', inputs: [0, 0], attrs: { shape: SHAPE, element_type: /^f32$/ } },
  Const: {
    opset: 'opset1',
    inputs: [0, 0],
    attrs: { element_type: /^(f32|i32|i64)$/, shape: SHAPE, offset: /^\d+$/, size: /^\d+$/ },
  },
  Result: { opset: 'opset1', inputs: [1, 1], outputs: [0, 0] },
  Add: { opset: 'opset1', inputs: [2, 2], attrs: NUMPY },
  Multiply: { opset: 'opset1', inputs: [2, 2], attrs: NUMPY },
  Power: { opset: 'opset1', inputs: [2, 2], attrs: NUMPY },
  PReLU: { opset: 'opset1', inputs: [2, 2] },
  MatMul: { opset: 'opset1', inputs: [2, 2], attrs: { transpose_a: /^false$/, transpose_b: /^true$/ } },
  ReduceMean: { opset: 'opset1', inputs: [2, 2], attrs: { keep_dims: /^true$/ } },
  Convolution: { opset: 'opset1', inputs: [2, 2], attrs: WINDOW },
  GroupConvolution: { opset: 'opset1', inputs: [2, 2], attrs: WINDOW },
  GroupConvolutionBackpropData: {
    opset: 'opset1',
    inputs: [2, 2],
    attrs: { ...WINDOW, output_padding: /^0, 0$/ },
  },
  VariadicSplit: { opset: 'opset1', inputs: [3, 3], outputs: [1, 16] },
  Reshape: { opset: 'opset1', inputs: [2, 2], attrs: { special_zero: /^true$/ } },
  Squeeze: { opset: 'opset1', inputs: [2, 2] },
  Unsqueeze: { opset: 'opset1', inputs: [2, 2] },
  Concat: { opset: 'opset1', inputs: [1, 8], attrs: { axis: /^0$/ } },
  Gather: { opset: 'opset7', inputs: [3, 3], attrs: { batch_dims: /^0$/ } },
  ShapeOf: { opset: 'opset3', inputs: [1, 1], attrs: { output_type: /^i64$/ } },
  Broadcast: { opset: 'opset3', inputs: [2, 2], attrs: { mode: /^(numpy|bidirectional)$/ } },
  Tile: { opset: 'opset1', inputs: [2, 2] },
};

const PRECISIONS: Readonly<Record<string, DType>> = { FP32: 'float32', I32: 'int32', I64: 'int64' };
const ELEMENT_TYPES: Readonly<Record<string, DType>> = { f32: 'float32', i32: 'int32', i64: 'int64' };

/** Reads a network; throws on anything that the table above does not allow, naming the layer. */
export function readOpenVino(xml: string, bin: Uint8Array): SourceNet {
  const net = parseXml(xml);
  if (net.tag !== 'net' || net.attrs.version !== '10') {
    throw new Error(
      `Expected an OpenVINO IR of version 10 but received <${net.tag} version="${net.attrs.version}">`,
    );
  }
  const sections = net.children.map((child) => child.tag).join(' ');
  if (sections !== 'layers edges meta_data')
    throw new Error(`Expected layers, edges, meta_data but received ${sections}`);
  const [layers, edges] = net.children as [Element, Element];
  const feeds = readEdges(edges);
  const out = new Map<number, Layer>();
  let constants = 0;
  for (const element of layers.children) {
    const layer = readLayer(element, feeds, out, bin);
    if (out.has(layer.id)) throw new Error(`Layer id ${layer.id} is used twice`);
    out.set(layer.id, layer);
    constants += layer.constant?.data.byteLength ?? 0;
    // Each constant is a copy: many that name the same bytes would make gigabytes out of a small file. A few small ones do.
    if (constants > 2 * bin.length)
      throw new Error(
        `The constants up to layer ${layer.id} have more than twice the ${bin.length} bytes of the weights`,
      );
    feeds.delete(layer.id);
  }
  for (const id of feeds.keys()) throw new Error(`An edge leads to layer ${id}, which does not exist`);
  return { name: net.attrs.name ?? '', layers: out };
}

/** Edges by target layer and target port. */
type Feeds = Map<number, Map<number, Ref>>;

function readEdges(section: Element): Feeds {
  const feeds: Feeds = new Map();
  for (const edge of section.children) {
    expectKeys(edge, 'edge', ['from-layer', 'from-port', 'to-layer', 'to-port']);
    const [layer, port, toLayer, toPort] = Object.values(edge.attrs).map((text) => integer(text, 'edge'));
    const ports = feeds.get(toLayer!) ?? new Map<number, Ref>();
    if (ports.has(toPort!)) throw new Error(`Layer ${toLayer} has two edges into port ${toPort}`);
    feeds.set(toLayer!, ports.set(toPort!, { layer: layer!, port: port! }));
  }
  return feeds;
}

function readLayer(
  element: Element,
  feeds: Feeds,
  before: ReadonlyMap<number, Layer>,
  bin: Uint8Array,
): Layer {
  expectKeys(element, 'layer', ['id', 'name', 'type', 'version']);
  const { name, type, version } = element.attrs as Record<string, string>;
  const id = integer(element.attrs.id!, 'layer');
  const where = `Layer ${id} '${name}'`;
  const rule = Object.hasOwn(LAYERS, type!) ? LAYERS[type!] : undefined;
  if (!rule) throw new Error(`${where} has type '${type}', which is not supported`);
  if (version !== rule.opset)
    throw new Error(`${where}: expected ${type} of ${rule.opset} but received ${version}`);
  const parts = new Map(element.children.map((child) => [child.tag, child]));
  const attrs = parts.get('data')?.attrs ?? {};
  expectAttributes(where, attrs, rule.attrs ?? {});
  const known = ['data', 'input', 'output'].filter((tag) => parts.has(tag));
  if (known.length !== element.children.length || (parts.get('data')?.children.length ?? 0) > 0)
    throw new Error(`${where} has a part that is not understood`);
  const inputs = readInputs(where, parts.get('input'), feeds.get(id) ?? new Map(), before);
  const outputs = new Map((parts.get('output')?.children ?? []).map((port) => readPort(where, port)));
  expectCount(`${where} inputs`, inputs.length, rule.inputs);
  expectCount(`${where} outputs`, outputs.size, rule.outputs ?? [1, 1]);
  const constant = type === 'Const' ? readConstant(where, attrs, [...outputs.values()][0]!, bin) : undefined;
  return { id, name: name!, type: type!, attrs, inputs, outputs, ...(constant && { constant }) };
}

/** Every input port is fed by an earlier layer's output of the same type and shape. */
function readInputs(
  where: string,
  section: Element | undefined,
  feeds: ReadonlyMap<number, Ref>,
  before: ReadonlyMap<number, Layer>,
): Ref[] {
  const ports = (section?.children ?? []).map((port) => readPort(where, port));
  if (feeds.size !== ports.length)
    throw new Error(`${where}: ${ports.length} input ports but ${feeds.size} edges`);
  return ports.map(([number, port]) => {
    const ref = feeds.get(number);
    const from = ref && before.get(ref.layer)?.outputs.get(ref.port);
    if (!ref || !from) throw new Error(`${where}: port ${number} is not fed by an earlier layer`);
    if (describe(from) !== describe(port)) {
      throw new Error(`${where}: port ${number} expects ${describe(port)} but receives ${describe(from)}`);
    }
    return ref;
  });
}

function readPort(where: string, element: Element): [number, Port] {
  const { names: _names, ...attrs } = element.attrs;
  if (element.tag !== 'port' || Object.keys(attrs).join(' ') !== 'id precision') {
    throw new Error(`${where} has a port that is not understood`);
  }
  const precision = attrs.precision!;
  const dtype = Object.hasOwn(PRECISIONS, precision) ? PRECISIONS[precision] : undefined;
  if (!dtype) throw new Error(`${where} has precision '${attrs.precision}', which is not supported`);
  const shape = element.children.map((dim) => {
    if (dim.tag !== 'dim' || dim.children.length > 0)
      throw new Error(`${where} has <${dim.children[0]?.tag ?? dim.tag}> in a port`);
    return integer(dim.text, where);
  });
  return [integer(attrs.id!, where), { dtype, shape }];
}

function readConstant(
  where: string,
  attrs: Readonly<Record<string, string>>,
  port: Port,
  bin: Uint8Array,
): Tensor {
  const shape = attrs.shape ? attrs.shape.split(',').map((d) => integer(d.trim(), where)) : [];
  const declared: Port = { dtype: ELEMENT_TYPES[attrs.element_type!]!, shape };
  if (describe(declared) !== describe(port)) {
    throw new Error(`${where} declares ${describe(declared)} but its port has ${describe(port)}`);
  }
  const offset = integer(attrs.offset!, where);
  const size = integer(attrs.size!, where);
  const expected = sizeOf(shape) * (declared.dtype === 'int64' ? 8 : 4);
  if (size !== expected)
    throw new Error(`${where}: expected ${expected} bytes for ${describe(declared)} but received ${size}`);
  if (offset + size > bin.length) {
    throw new Error(`${where} ends at byte ${offset + size} of the weights, which have ${bin.length}`);
  }
  // A copy, for typed arrays must start at a multiple of their element size.
  const { buffer } = new Uint8Array(bin.subarray(offset, offset + size));
  switch (declared.dtype) {
    case 'int64':
      return { dtype: 'int64', shape, data: new BigInt64Array(buffer) };
    case 'int32':
      return { dtype: 'int32', shape, data: new Int32Array(buffer) };
    default:
      return f32(new Float32Array(buffer), shape);
  }
}

const describe = (port: Port): string => `${port.dtype} [${port.shape.join(', ')}]`;

function expectKeys(element: Element, tag: string, keys: readonly string[]): void {
  const received = Object.keys(element.attrs).join(' ');
  if (element.tag !== tag || received !== keys.join(' ')) {
    throw new Error(
      `Expected <${tag}> with ${keys.join(' ')} but received <${element.tag}> with ${received}`,
    );
  }
}

function expectAttributes(
  where: string,
  attrs: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, RegExp>>,
): void {
  for (const [key, value] of Object.entries(attrs)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (!rule) throw new Error(`${where} has the attribute '${key}', which is not supported`);
    if (!rule.test(value)) throw new Error(`${where}: ${key}="${value}" is not supported`);
  }
  for (const key of Object.keys(rules)) {
    if (!Object.hasOwn(attrs, key)) throw new Error(`${where} lacks the attribute '${key}'`);
  }
}

function expectCount(what: string, count: number, [min, max]: readonly [number, number]): void {
  if (count < min || count > max) throw new Error(`${what}: expected ${min} to ${max} but received ${count}`);
}

function integer(text: string, where: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new Error(`${where}: '${text}' is not a whole number`);
  return value;
}
