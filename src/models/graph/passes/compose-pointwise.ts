/**
 * Conv_1x1(Conv(x, U) + c, V) + d with constant weights -> Conv(x, V U) + (V c + d)
 *
 * A pointwise convolution mixes channels and nothing else, so its matrix multiplies into the kernels before it. Taken
 * where the product is no larger than what it replaces.
 */
import { groupOf, windowAttrs, windowOf } from '../ops/window.js';
import { f32, sizeOf, type Tensor } from '../tensor.js';
import type { Rule } from './rewrite.js';

/** Dense matrix [M, C] of a pointwise weight [M, C/g, 1...] in g groups. */
function dense(
  weight: Tensor,
  group: number,
): { rows: number; columns: number; at: (m: number, c: number) => number } {
  const [rows, per] = weight.shape as [number, number];
  const block = rows / group;
  return {
    rows,
    columns: per * group,
    at: (m, c) =>
      Math.floor(m / block) === Math.floor(c / per) ? Number(weight.data[m * per + (c % per)]) : 0,
  };
}

export const composePointwise: Rule = ({ b, node, inputs, only, constant, value }) => {
  if (node.op !== 'Conv') return undefined;
  const outer = constant(inputs[1]);
  const inner = only(inputs[0], 'Conv');
  const kernel = inner && constant(value(inner.inputs[1]!));
  if (!outer || !inner || !kernel || outer.shape.slice(2).some((k) => k !== 1)) return undefined;
  const window = windowOf(node.attrs, outer.shape.slice(2));
  if ([...window.pads].some((p) => p !== 0) || window.strides.some((s) => s !== 1)) return undefined;
  const matrix = dense(outer, groupOf(node.attrs));
  if (groupOf(inner.attrs) !== 1 || matrix.rows > matrix.columns) return undefined;

  const mix = (data: ArrayLike<number | bigint>, each: number): Float32Array => {
    const out = new Float32Array(matrix.rows * each);
    for (let m = 0; m < matrix.rows; m++) {
      for (let c = 0; c < matrix.columns; c++) {
        const factor = matrix.at(m, c);
        if (factor === 0) continue;
        for (let i = 0; i < each; i++) out[m * each + i]! += factor * Number(data[c * each + i]);
      }
    }
    return out;
  };
  const biases = [inner.inputs[2] ? constant(value(inner.inputs[2])) : undefined, constant(inputs[2])];
  if ((inner.inputs[2] && !biases[0]) || (inputs[2] && !biases[1])) return undefined;
  const bias = biases[0] ? mix(biases[0].data, 1) : new Float32Array(matrix.rows);
  for (let m = 0; m < matrix.rows; m++) bias[m]! += Number(biases[1]?.data[m] ?? 0);
  const weight = f32(mix(kernel.data, sizeOf(kernel.shape.slice(1))), [
    matrix.rows,
    ...kernel.shape.slice(1),
  ]);
  return [
    b.op(
      'Conv',
      [
        value(inner.inputs[0]!),
        b.constant(weight),
        biases[0] || biases[1] ? b.constant(f32(bias, [matrix.rows])) : undefined,
      ],
      windowAttrs(windowOf(inner.attrs, kernel.shape.slice(2))),
    ),
  ];
};
