/**
 * Intermediate representation: an ONNX graph whose every value has a known element type and static shape.
 *
 * A graph is plain data and is never changed in place; passes map graphs to graphs. Nodes stand in topological order.
 * A body of `Loop` may name values of the graph around it, as in ONNX.
 */
import type { DType, Shape, Tensor } from './tensor.js';

export interface Type {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value seen by a builder: its name and type. */
export interface Value extends Type {
  readonly name: string;
}

export type Attribute = number | string | readonly number[] | Tensor | Graph;
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  readonly op: string;
  /** Names of the inputs; the empty string is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attributes;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Type of every input, constant and node output, by name. */
  readonly types: ReadonlyMap<string, Type>;
  /** Activations known to be far past 1 wherever they are not 0: their masks need no scaling (passes/steep-activations). */
  readonly steep: ReadonlySet<string>;
}

/** The typed value of that name. Throws when the graph has none. */
export function valueNamed(graph: Graph, name: string): Value {
  const type = graph.types.get(name);
  if (!type) throw new Error(`Graph '${graph.name}' has no value '${name}'`);
  return { name, ...type };
}

export const isGraph = (attribute: Attribute): attribute is Graph =>
  typeof attribute === 'object' && 'nodes' in attribute;

export const isTensor = (attribute: Attribute): attribute is Tensor =>
  typeof attribute === 'object' && 'data' in attribute;

/** `Conv 'conv1' ([1,512,4,4], [512,512,3,3])`: how errors name a node. */
export function describe(node: Node, typeOf: (name: string) => Type | undefined): string {
  const shapes = node.inputs.map((name) => (name ? `[${typeOf(name)?.shape.join(',') ?? '?'}]` : '-'));
  return `${node.op} '${node.outputs[0]}' (${shapes.join(', ')})`;
}
