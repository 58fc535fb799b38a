/**
 * ReduceSum_hw(a b) -> Conv(a, b), groups = channels, the kernel as large as the image
 *
 * Both give the sum of products over every channel's pixels: the gradient of a factor per channel. The product is never
 * written: half the memory traffic. (On CUDA a kernel of that size is slow: for the CPU only.)
 */

import type { Value } from '../ir.js';
import { axisOf, intAttr, intsOf, sameShape } from '../ops/rule.js';
import { sizeOf } from '../tensor.js';
import type { Rule } from './rewrite.js';

/** Fewer pixels are not worth a convolution's set-up. */
const LEAST_PIXELS = 256;

export const dotAsConvolution: Rule = ({ b, node, inputs, only, value }) => {
  if (node.op !== 'ReduceSum' || !inputs[1] || intAttr(node.attrs, 'keepdims', 1) !== 1) return undefined;
  const product = only(inputs[0], 'Mul');
  if (!product || !b.constantOf(inputs[1].name)) return undefined;
  const [x, y] = product.inputs.map(value) as [Value, Value];
  if (x.shape.length !== 4 || !sameShape(x.shape, y.shape)) return undefined;
  const axes = intsOf(b, inputs[1], 'axes').map((a) => axisOf(a, 4));
  const [n, channels, ...image] = x.shape as [number, number, number, number];
  if (sizeOf(image) < LEAST_PIXELS || axes.toSorted((p, q) => p - q).join() !== '2,3') return undefined;
  const rows = n * channels;
  const dot = b.op(
    'Conv',
    [b.op('Reshape', [x, b.ints([1, rows, ...image])]), b.op('Reshape', [y, b.ints([rows, 1, ...image])])],
    { kernel_shape: image, group: rows },
  );
  return [b.op('Reshape', [dot, b.ints([n, channels, 1, 1])])];
};
