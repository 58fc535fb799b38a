/**
 * AveragePool(Conv_1x1(x, W) + c) -> Conv_1x1(AveragePool(x), W) + c
 * AveragePool(x s)                -> AveragePool(x) s          for a factor s per channel
 *
 * A mean over space commutes with whatever acts on each pixel alone and linearly. Pooled first, the rest works on an
 * image smaller by the strides, forward and backward.
 */
import type { Value } from '../ir.js';
import { intAttr, intsAttr } from '../ops/rule.js';
import { windowOf } from '../ops/window.js';
import type { Rule } from './rewrite.js';

/** A factor that is the same at every pixel. */
const perChannel = (x: Value, factor: Value): boolean =>
  factor.shape.length === x.shape.length && factor.shape.slice(2).every((d) => d === 1);

export const poolEarly: Rule = ({ b, node, inputs, only, value }) => {
  if (node.op !== 'AveragePool') return undefined;
  const pool = windowOf(node.attrs, intsAttr(node.attrs, 'kernel_shape', []));
  const whole = pool.pads.every((p) => p === 0) && intAttr(node.attrs, 'ceil_mode', 0) === 0;
  if (!whole || pool.strides.every((s) => s === 1)) return undefined;
  const conv = only(inputs[0], 'Conv');
  if (conv) {
    const weight = value(conv.inputs[1]!);
    const window = windowOf(conv.attrs, weight.shape.slice(2));
    const pointwise = [...window.kernel, ...window.strides].every((k) => k === 1);
    if (!pointwise || window.pads.some((p) => p !== 0)) return undefined;
    const bias = conv.inputs[2] ? value(conv.inputs[2]) : undefined;
    const pooled = b.op('AveragePool', [value(conv.inputs[0]!)], node.attrs);
    return [b.op('Conv', [pooled, weight, bias], conv.attrs)];
  }
  const product = only(inputs[0], 'Mul');
  if (!product) return undefined;
  const [x, y] = product.inputs.map(value) as [Value, Value];
  const [image, factor] = perChannel(inputs[0]!, y) ? [x, y] : [y, x];
  if (!perChannel(inputs[0]!, factor) || perChannel(inputs[0]!, image)) return undefined;
  return [b.op('Mul', [b.op('AveragePool', [image], node.attrs), factor])];
};
