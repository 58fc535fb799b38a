/**
 * AveragePool_k(ConvTranspose_s(x, W) + c) with kernel s = stride s and s | k
 *   -> AveragePool_{k/s}(Conv_1x1(x, mean of each s x s kernel of W) + c)
 *
 * Output block p of the transposed convolution is x_p times the kernels of W, blocks do not overlap, and the mean of a
 * block is x_p times the mean of the kernels. For inverse Haar the detail channels have mean 0: an image that is only
 * looked at in half its size needs none of them, forward or backward.
 */
import { permute } from '../data.js';
import { intAttr, intsAttr } from '../ops/rule.js';
import { groupOf, windowOf } from '../ops/window.js';
import { f32, sizeOf, type Tensor } from '../tensor.js';
import type { Rule } from './rewrite.js';

/** W [C, M/g, s, s] -> [M, C/g, 1, 1], the means of the kernels as a pointwise convolution. */
function means(weight: Tensor, group: number): Tensor {
  const [c, m, ...kernel] = weight.shape as [number, number, ...number[]];
  const taps = sizeOf(kernel);
  const average = Float32Array.from({ length: c * m }, (_, i) => {
    let sum = 0;
    for (let t = 0; t < taps; t++) sum += Number(weight.data[i * taps + t]);
    return sum / taps;
  });
  const swapped = permute(f32(average, [group, c / group, m]), [0, 2, 1]);
  return f32(swapped.data as Float32Array, [group * m, c / group, ...kernel.map(() => 1)]);
}

export const averageOfUpsampling: Rule = ({ b, node, inputs, only, constant, value }) => {
  if (node.op !== 'AveragePool') return undefined;
  const up = only(inputs[0], 'ConvTranspose');
  const weight = up && constant(value(up.inputs[1]!));
  if (!up || !weight) return undefined;
  const kernel = intsAttr(node.attrs, 'kernel_shape', []);
  const pool = windowOf(node.attrs, kernel);
  const window = windowOf(up.attrs, weight.shape.slice(2));
  const same = (a: readonly number[], c: readonly number[]) => a.every((d, i) => d === c[i]);
  const plain = [pool, window].every((w) => same(w.kernel, w.strides) && [...w.pads].every((p) => p === 0));
  const dense = [...pool.dilations, ...window.dilations].every((d) => d === 1);
  const divides = kernel.every((k, i) => k % window.strides[i]! === 0);
  const padded =
    intsAttr(up.attrs, 'output_padding', []).some((p) => p !== 0) ||
    intAttr(node.attrs, 'ceil_mode', 0) !== 0;
  if (!plain || !dense || !divides || padded) return undefined;
  const group = groupOf(up.attrs);
  const bias = up.inputs[2] ? value(up.inputs[2]) : undefined;
  const reduced = b.op('Conv', [value(up.inputs[0]!), b.constant(means(weight, group)), bias], { group });
  const rest = kernel.map((k, i) => k / window.strides[i]!);
  if (rest.every((k) => k === 1)) return [reduced];
  return [b.op('AveragePool', [reduced], { kernel_shape: rest, strides: rest })];
};
