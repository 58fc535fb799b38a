/**
 * Reverse-mode differentiation of the nodes that a builder holds, written into the same builder.
 *
 * The adjoint of a value v is dL/dv. Nodes are walked from the loss back; each op's rule turns the adjoints of its
 * outputs into those of its inputs; contributions to one value are summed. Only nodes on a way from a wanted value
 * to the loss are visited, so frozen weights cost nothing.
 */
import type { GraphBuilder } from './builder.js';
import { describe, type Node, type Value } from './ir.js';
import { ruleOf } from './ops/index.js';
import { sameShape } from './ops/rule.js';
import { f32, sizeOf } from './tensor.js';

/**
 * dL/dx for every x in `wrt`, in their shapes. `loss` must have one element and depend on each of them.
 * Throws, naming the node, where the way from x to the loss passes an op without a derivative.
 */
export function gradients(b: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (sizeOf(loss.shape) !== 1)
    throw new Error(
      `Expected a loss of one element but '${loss.name}' has shape [${loss.shape}]: reduce it first, as by ReduceSum or ReduceMean over all axes`,
    );
  for (const value of [loss, ...wrt]) {
    const type = b.typeOf(value.name);
    if (!type) throw new Error(`There is no value '${value.name}'`);
    if (type.dtype !== 'float32')
      throw new Error(`Expected '${value.name}' to be float32 but it is ${type.dtype}`);
  }
  const nodes = b.nodesSoFar();
  for (const { name } of wrt) {
    if (!dependents(nodes, [name]).has(loss.name))
      throw new Error(`The loss '${loss.name}' does not depend on '${name}'`);
  }
  const depends = dependents(
    nodes,
    wrt.map(({ name }) => name),
  );
  const adjoints = new Map<string, Value>([[loss.name, b.constant(f32([1], loss.shape), b.fresh('seed'))]]);
  /** Nodes that pass nothing on, from the loss back. */
  const blocked: Node[] = [];
  for (const node of [...nodes].reverse()) {
    const grads = node.outputs.map((name) => adjoints.get(name));
    if (grads.every((g) => g === undefined) || !node.inputs.some((name) => depends.has(name))) continue;
    const { grad } = ruleOf(node.op);
    const where = describe(node, (name) => b.typeOf(name));
    if (grad === false) {
      blocked.push(node);
      continue;
    }
    if (!grad) throw new Error(`${where} has no gradient rule and lies between the loss and the input`);
    const value = (name: string): Value => ({ name, ...b.typeOf(name)! });
    let flows: (Value | undefined)[];
    try {
      flows = grad({
        b,
        inputs: node.inputs.map((name) => (name ? value(name) : undefined)),
        outputs: node.outputs.map(value),
        grads,
        attrs: node.attrs,
        needs: (i) => depends.has(node.inputs[i] ?? ''),
      });
    } catch (error) {
      throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    if (!node.inputs.some((name, i) => flows[i] && depends.has(name))) blocked.push(node);
    node.inputs.forEach((name, i) => {
      const flow = flows[i];
      if (!flow || !depends.has(name)) return;
      if (!sameShape(flow.shape, b.typeOf(name)!.shape)) {
        throw new Error(`${where}: the gradient of input ${i} has shape [${flow.shape}]`);
      }
      const before = adjoints.get(name);
      adjoints.set(name, before ? b.op('Add', [before, flow], {}, b.fresh('adjoint')) : flow);
    });
  }
  return wrt.map(({ name }) => {
    const adjoint = adjoints.get(name);
    if (adjoint) return adjoint;
    const after = dependents(nodes, [name]);
    const ways = blocked.filter(({ inputs }) => inputs.some((input) => after.has(input)));
    const named = ways.map((node) => describe(node, (value) => b.typeOf(value)));
    throw new Error(
      `The loss '${loss.name}' depends on '${name}' only through ops with zero gradient: ${named.join(', ')}`,
    );
  });
}

/** The given values and all that are computed from them. */
function dependents(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const found = new Set(names);
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((name) => found.has(name))) for (const name of outputs) found.add(name);
  }
  return found;
}
