/**
 * Reverse-mode differentiation of the nodes that a builder holds, written into the same builder.
 *
 * The adjoint of a value v is dL/dv. Nodes are walked from the loss back; each op's rule turns the adjoints of its
 * outputs into those of its inputs; contributions to one value are summed. Only nodes on a way from a wanted value
 * to the loss are visited, so frozen weights cost nothing.
 */
import type { GraphBuilder } from './builder.js';
import { describe, type Value } from './ir.js';
import { ruleOf } from './ops/index.js';
import { sameShape } from './ops/rule.js';
import { f32, sizeOf } from './tensor.js';

/**
 * dL/dx for every x in `wrt`, in their shapes. `loss` must have one element and depend on each of them.
 * Throws, naming the node, where the way from x to the loss passes an op without a derivative.
 */
export function gradients(b: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (sizeOf(loss.shape) !== 1)
    throw new Error(`Expected a loss of one element but '${loss.name}' has shape [${loss.shape}]`);
  const nodes = b.nodesSoFar();
  const depends = new Set(wrt.map((v) => v.name));
  for (const node of nodes) {
    if (node.inputs.some((name) => depends.has(name))) for (const name of node.outputs) depends.add(name);
  }
  for (const { name } of wrt) {
    if (!b.typeOf(name)) throw new Error(`There is no value '${name}'`);
  }
  if (!depends.has(loss.name)) {
    throw new Error(`The loss '${loss.name}' does not depend on ${wrt.map((v) => `'${v.name}'`).join(', ')}`);
  }
  const adjoints = new Map<string, Value>([[loss.name, b.constant(f32([1], loss.shape), b.fresh('seed'))]]);
  for (const node of [...nodes].reverse()) {
    const grads = node.outputs.map((name) => adjoints.get(name));
    if (grads.every((g) => g === undefined) || !node.inputs.some((name) => depends.has(name))) continue;
    const { grad } = ruleOf(node.op);
    if (grad === false) continue;
    const where = describe(node, (name) => b.typeOf(name));
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
    if (!adjoint)
      throw new Error(`The loss '${loss.name}' depends on '${name}' only through ops with zero gradient`);
    return adjoint;
  });
}
