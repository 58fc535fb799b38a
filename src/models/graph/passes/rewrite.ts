/** The frame of every pass: a graph is written anew node by node, and a rule may put something better in a node's place. */
import { GraphBuilder } from '../builder.js';
import type { Graph, Node, Value } from '../ir.js';
import type { Tensor } from '../tensor.js';

export interface Site {
  /** Where replacements are written. */
  readonly b: GraphBuilder;
  readonly node: Node;
  /** The node's inputs in the new graph; undefined where left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** The node of the new graph that gives `value`, if it is one of `op` that nothing else reads. */
  only(value: Value | undefined, op: string): Node | undefined;
  /** The node of the new graph that gives `value`, if it is one of `op`. */
  producer(value: Value | undefined, op: string): Node | undefined;
  /** Whether a value of the old graph is an output. */
  isOutput(name: string): boolean;
  /** Whether a value of the old graph is marked as steep. */
  isSteep(name: string): boolean;
  /** The constant that a value of the new graph is, if it is one. */
  constant(value: Value | undefined): Tensor | undefined;
  value(name: string): Value;
}

/** Returns the values that take the place of the node's outputs, or nothing to keep the node. */
export type Rule = (site: Site) => readonly Value[] | undefined;

export interface Rewritten {
  readonly graph: Graph;
  /** How many nodes were replaced. */
  readonly count: number;
}

/** Applies a rule once at every node, in order, and drops what became dead. Inputs and outputs keep their names. */
export function rewrite(graph: Graph, rule: Rule): Rewritten {
  const b = new GraphBuilder(graph.name);
  b.reserve(graph.types.keys());
  const values = new Map<string, Value>();
  const producers = new Map<string, Node>();
  const reads = countReads(graph);
  /** How often a value of the new graph is read, by the name it had in the old one. */
  const readsOfNew = new Map<string, number>();
  for (const name of graph.inputs) {
    const { dtype, shape } = graph.types.get(name)!;
    values.set(name, b.input(name, dtype, shape));
  }
  for (const [name, tensor] of graph.constants) values.set(name, b.constant(tensor, name));
  let count = 0;
  let written = 0;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name ? values.get(name)! : undefined));
    const replaced = rule({
      b,
      node,
      inputs,
      only: (value, op) => {
        const producer = value && producers.get(value.name);
        return producer?.op === op && readsOfNew.get(value!.name) === 1 ? producer : undefined;
      },
      producer: (value, op) => {
        const producer = value && producers.get(value.name);
        return producer?.op === op ? producer : undefined;
      },
      isOutput: (name) => graph.outputs.includes(name),
      isSteep: (name) => graph.steep.has(name),
      constant: (value) => (value ? b.constantOf(value.name) : undefined),
      value: (name) => ({ name, ...b.typeOf(name)! }),
    });
    if (replaced) count++;
    const outputs = replaced ?? b.ops(node.op, inputs, node.attrs, node.outputs);
    if (!replaced)
      for (const [i, name] of node.outputs.entries()) if (graph.steep.has(name)) b.markSteep(outputs[i]!);
    for (const [i, name] of node.outputs.entries()) {
      values.set(name, outputs[i]!);
      // A value that stands in for two old ones is read wherever either was.
      const known =
        outputs[i] && inputs.includes(outputs[i]) ? (readsOfNew.get(outputs[i].name) ?? 0) - 1 : 0;
      readsOfNew.set(outputs[i]!.name, known + (reads.get(name) ?? 0));
    }
    const added = b.nodesSoFar(written);
    written += added.length;
    for (const each of added) for (const name of each.outputs) producers.set(name, each);
  }
  for (const name of graph.outputs) b.output(values.get(name)!, name);
  return { graph: prune(b.build()), count };
}

/** Applies rules in turn, each until it finds nothing more. */
export function rewriteAll(graph: Graph, rules: readonly Rule[]): Graph {
  let result = graph;
  for (const rule of rules) {
    for (;;) {
      const { graph: next, count } = rewrite(result, rule);
      result = next;
      if (count === 0) break;
    }
  }
  return result;
}

/** Drops nodes and constants that no output needs. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)));
  const kept = new Set([...graph.inputs, ...constants.keys(), ...nodes.flatMap((node) => node.outputs)]);
  const types = new Map([...graph.types].filter(([name]) => kept.has(name)));
  const steep = new Set([...graph.steep].filter((name) => kept.has(name)));
  return { ...graph, nodes: nodes.toReversed(), constants, types, steep };
}

function countReads(graph: Graph): Map<string, number> {
  const reads = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs]) {
    reads.set(name, (reads.get(name) ?? 0) + 1);
  }
  return reads;
}
