/**
 * ConvTranspose_g(x, W) s -> ConvTranspose_g(x s', W)   one output channel a group; s' repeats s over the group's inputs
 * (x a) c                 -> x (a c)                    for factors a, c per channel
 *
 * A factor per channel moves to the smaller side of an upsampling that keeps channels apart, and meets the factor that
 * is there: one pass over the large tensor forward, and one fewer of each kind backward.
 */

import type { Node, Value } from '../ir.js';
import { groupOf } from '../ops/window.js';
import { sizeOf } from '../tensor.js';
import type { Rule, Site } from './rewrite.js';

/** [N,C,1,1...] for a tensor [N,C,...]. */
const perChannel = (x: Value, shape: readonly number[]): boolean =>
  x.shape.length === shape.length && x.shape[1] === shape[1] && sizeOf(x.shape.slice(2)) === 1;

/** The factor per channel of a product and what it multiplies. */
function scaled(node: Node, { value }: Site): { x: Value; factor: Value } | undefined {
  const [a, c] = node.inputs.map(value) as [Value, Value];
  const shape = sizeOf(a.shape) > sizeOf(c.shape) ? a.shape : c.shape;
  if (sizeOf(shape.slice(2)) === 1) return undefined;
  if (perChannel(c, shape) && !perChannel(a, shape)) return { x: a, factor: c };
  if (perChannel(a, shape) && !perChannel(c, shape)) return { x: c, factor: a };
  return undefined;
}

export const mergeScales: Rule = (site) => {
  const { b, node, inputs, only, value } = site;
  if (node.op !== 'Mul') return undefined;
  const outer = scaled({ ...node, inputs: inputs.map((v) => v!.name) }, site);
  if (!outer) return undefined;
  const product = only(outer.x, 'Mul');
  const inner = product && scaled(product, site);
  if (inner) return [b.op('Mul', [inner.x, b.op('Mul', [inner.factor, outer.factor])])];

  const up = only(outer.x, 'ConvTranspose');
  if (!up || up.inputs[2]) return undefined;
  const [x, weight] = up.inputs.map(value) as [Value, Value];
  const group = groupOf(up.attrs);
  const [n, channels] = x.shape as [number, number];
  if (weight.shape[1] !== 1 || outer.factor.shape[0] !== n) return undefined;
  const columns = b.op('Reshape', [outer.factor, b.ints([n, group, 1])]);
  const repeated = b.op('Expand', [columns, b.ints([n, group, channels / group])]);
  const factor = b.op('Reshape', [repeated, b.ints([n, channels, ...x.shape.slice(2).map(() => 1)])]);
  return [b.op('ConvTranspose', [b.op('Mul', [x, factor]), weight], up.attrs)];
};
