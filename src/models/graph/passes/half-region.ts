/** Which nodes of a graph are worth computing in half precision, and safe in it. */
import { HALF_MAX } from '../half.js';
import { type Graph, isGraph, type Node, type Type } from '../ir.js';
import { sizeOf, type Tensor } from '../tensor.js';

export interface HalfOptions {
  /** Multiply-adds from which a convolution starts a region. */
  leastMacs?: number;
  /** Elements below which a value stays in single precision: nothing is gained there, and gradients are largest. */
  leastElements?: number;
}

/** Ops that a region spreads through: each element of the result depends on few elements, none of them an exponent. */
const SPREADS: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Neg', 'Abs', 'Sign', 'Min', 'Max', 'Clip', 'Identity'],
  ...['Relu', 'LeakyRelu', 'PRelu', 'Sigmoid', 'Tanh'],
  ...['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'ReduceSum'],
  ...['Concat', 'Split', 'Slice', 'Gather', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten'],
  ...['Expand', 'Tile', 'Resize', 'DepthToSpace', 'SpaceToDepth'],
]);

/** Sums of more terms lose digits. */
const MOST_TERMS = 64;

/** An operand this many times smaller than the result is a factor or an offset for each channel. */
const BROADCAST = 16;

export interface HalfRegion {
  /** Nodes to compute in half precision, by their first output. */
  readonly nodes: ReadonlySet<string>;
  /** Those of them that are hugely scaled values about to be clipped, `1e20 y`: only the sign of `y` matters. */
  readonly signs: ReadonlySet<string>;
}

/** Everything of a graph and the bodies of its loops in one list, since names are unique across them. */
interface Listing {
  nodes: readonly Node[];
  typeOf(name: string): Type;
  constantOf(name: string): Tensor | undefined;
  readers: ReadonlyMap<string, readonly Node[]>;
}

export function halfRegion(
  graph: Graph,
  { leastMacs = 2 ** 27, leastElements = 2 ** 18 }: HalfOptions = {},
): HalfRegion {
  const list = listing(graph);
  const seeds = new Set<string>();
  const signs = new Set<string>();
  const nodes = new Set<string>();
  const values = new Set<string>();
  /** Values that depend on ones in half precision: statistics, norms and what is made of them. */
  const derived = new Set<string>();

  for (const node of list.nodes) {
    const [first] = node.outputs as [string];
    const worth = isLarge(list, node, leastElements) && !hasSubgraph(node);
    const sign = worth && isSteep(list, node, values);
    const seed =
      worth && !sign && isConvolution(node) && inRange(list, node) && macs(list, node) >= leastMacs;
    if (sign || seed || (worth && spreads(list, node, values, derived))) {
      nodes.add(first);
      for (const name of node.outputs) values.add(name);
      if (seed) seeds.add(first);
      if (sign) signs.add(first);
    } else if (node.inputs.some((name) => values.has(name) || derived.has(name))) {
      for (const name of node.outputs) derived.add(name);
    }
  }
  // What no node of the region reads would be rounded only to be widened again: losses, and products to be summed up.
  for (const node of list.nodes.toReversed()) {
    const [first] = node.outputs as [string];
    const read = node.outputs.some((name) => list.readers.get(name)?.some((by) => nodes.has(by.outputs[0]!)));
    if (!read && !seeds.has(first)) nodes.delete(first);
  }
  return { nodes, signs: new Set([...signs].filter((name) => nodes.has(name))) };
}

function listing(graph: Graph): Listing {
  const nodes: Node[] = [];
  const types = new Map<string, Type>();
  const constants = new Map<string, Tensor>();
  const add = (part: Graph): void => {
    for (const [name, type] of part.types) types.set(name, type);
    for (const [name, tensor] of part.constants) constants.set(name, tensor);
    for (const node of part.nodes) {
      for (const attribute of Object.values(node.attrs)) if (isGraph(attribute)) add(attribute);
      nodes.push(node);
    }
  };
  add(graph);
  const readers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  return { nodes, typeOf: (name) => types.get(name)!, constantOf: (name) => constants.get(name), readers };
}

const isConvolution = ({ op }: Node): boolean => op === 'Conv' || op === 'ConvTranspose';
const hasSubgraph = ({ attrs }: Node): boolean => Object.values(attrs).some(isGraph);

/** Whether input `i` holds elements, which are rounded, rather than a region or the scales of a resampling. */
export const isElements = ({ op }: Node, i: number): boolean => op !== 'Resize' || i === 0;

/** Float inputs, which are rounded together; the rest are shapes and axes. */
const floats = (list: Listing, node: Node): string[] =>
  node.inputs.filter((name, i) => name && isElements(node, i) && list.typeOf(name).dtype === 'float32');

function isLarge(list: Listing, node: Node, least: number): boolean {
  return node.outputs.every((name) => {
    const type = list.typeOf(name);
    return type.dtype === 'float32' && sizeOf(type.shape) >= least;
  });
}

function macs(list: Listing, { op, inputs, outputs }: Node): number {
  const slid = op === 'Conv' ? outputs[0]! : inputs[0]!;
  return sizeOf(list.typeOf(slid).shape) * sizeOf(list.typeOf(inputs[1]!).shape.slice(1));
}

function inRange(list: Listing, node: Node): boolean {
  return floats(list, node).every((name) => {
    const data = list.constantOf(name)?.data;
    return !data || largest(data as Float32Array) <= HALF_MAX;
  });
}

function largest(data: Float32Array): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]!));
  return most;
}

function spreads(
  list: Listing,
  node: Node,
  half: ReadonlySet<string>,
  derived: ReadonlySet<string>,
): boolean {
  if (!SPREADS.has(node.op) || !inRange(list, node)) return false;
  const size = sizeOf(list.typeOf(node.outputs[0]!).shape);
  const moving = floats(list, node).filter((name) => !list.constantOf(name));
  const small = moving.filter((name) => sizeOf(list.typeOf(name).shape) * BROADCAST <= size);
  if (node.op === 'ReduceSum' && sizeOf(list.typeOf(node.inputs[0]!).shape) > MOST_TERMS * size) return false;
  if (isConvolution(node) && !list.constantOf(node.inputs[1]!)) return false;
  return (
    moving.some((name) => half.has(name) && !small.includes(name)) && !small.some((name) => derived.has(name))
  );
}

/** `y` times a constant out of range, of which every reader keeps what lies in -1..1. */
function isSteep(list: Listing, node: Node, half: ReadonlySet<string>): boolean {
  const [y, scale] = node.inputs;
  if (node.op !== 'Mul' || !half.has(y!)) return false;
  const factor = list.constantOf(scale!);
  if (!factor || sizeOf(factor.shape) !== 1 || Number(factor.data[0]) <= HALF_MAX) return false;
  const readers = list.readers.get(node.outputs[0]!) ?? [];
  return readers.every((by) => by.op === 'Clip' && [1, 2].every((i) => withinOne(list, by.inputs[i])));
}

function withinOne(list: Listing, bound: string | undefined): boolean {
  const tensor = bound ? list.constantOf(bound) : undefined;
  return tensor !== undefined && Math.abs(Number(tensor.data[0])) <= 1;
}
