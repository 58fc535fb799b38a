/**
 * ConvTranspose(x f, W)   -> ConvTranspose(x, f W)    groups, one output channel each
 * Conv_1x1((x f) m, W)    -> Conv_1x1(x m, f W)       at least twice as many input channels as outputs; m any factor
 *
 * A factor f per channel acts on weights, which are small, in place of an image. The runtime then computes the
 * convolution in the plain layout: no faster than the blocked one, but nothing has to be brought into it, and most of
 * that was the input. For a single photo: those of a batch have factors of their own, and share the weights.
 */

import type { Node, Value } from '../ir.js';
import { groupOf, windowOf } from '../ops/window.js';
import { sizeOf } from '../tensor.js';
import type { Rule, Site } from './rewrite.js';

/** Smaller images are not worth it: their weights are the larger tensor. */
const LEAST_PIXELS = 4096;

/** The factor [1,C,1,1] of a product, and the image [1,C,H,W] that it multiplies. */
function scaled(product: Node | undefined, { value }: Site): { x: Value; factor: Value } | undefined {
  if (!product) return undefined;
  const [a, c] = product.inputs.map(value) as [Value, Value];
  const isFactorOf = (factor: Value, x: Value): boolean =>
    x.shape.length === 4 &&
    x.shape[0] === 1 &&
    factor.shape.join() === [1, x.shape[1], 1, 1].join() &&
    sizeOf(x.shape.slice(2)) >= LEAST_PIXELS;
  if (isFactorOf(c, a)) return { x: a, factor: c };
  return isFactorOf(a, c) ? { x: c, factor: a } : undefined;
}

/** The image without its factor: that of a product, or of what a product with a mask multiplies. */
function unscaled(image: Value, site: Site): { x: Value; factor: Value } | undefined {
  const { b, only, value } = site;
  const product = only(image, 'Mul');
  const found = scaled(product, site);
  if (found || !product) return found;
  for (const [i, mask] of [1, 0].entries()) {
    const inner = scaled(only(value(product.inputs[i]!), 'Mul'), site);
    if (inner) return { x: b.op('Mul', [inner.x, value(product.inputs[mask]!)]), factor: inner.factor };
  }
  return undefined;
}

export const scaleWeights: Rule = (site) => {
  const { b, node, inputs, constant } = site;
  const [image, weight, bias] = inputs;
  if (!image || !weight || !constant(weight)) return undefined;
  const [rows, columns] = weight.shape as [number, number];
  const times = (factor: Value, shape: readonly number[]): Value =>
    b.op('Mul', [weight, b.op('Reshape', [factor, b.ints(shape)])]);
  if (node.op === 'ConvTranspose') {
    if (columns !== 1 || groupOf(node.attrs) === 1) return undefined;
    const found = unscaled(image, site);
    return (
      found && [b.op('ConvTranspose', [found.x, times(found.factor, [rows, 1, 1, 1]), bias], node.attrs)]
    );
  }
  if (node.op !== 'Conv' || weight.shape.length !== 4 || groupOf(node.attrs) !== 1) return undefined;
  const { kernel, strides, pads } = windowOf(node.attrs, weight.shape.slice(2));
  const pointwise = [...kernel, ...strides].every((k) => k === 1) && pads.every((p) => p === 0);
  if (!pointwise || columns < 2 * rows) return undefined;
  const found = unscaled(image, site);
  return found && [b.op('Conv', [found.x, times(found.factor, [1, columns, 1, 1]), bias], node.attrs)];
};
