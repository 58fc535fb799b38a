/**
 * relu(Conv(x, W) + c)  -> relu(Conv(x, k W) + k c) / k         k = 2^40, relu or leaky relu
 * f(x / k)              -> f'(x)                                 f a convolution (weights / k), a factor, a pool
 *
 * Both activations are homogeneous, and a power of two changes no digit. What the mask of the gradient needs, the
 * sign of the activation far past 1, is then the activation itself: Clip(y, slope, 1) in place of
 * Clip(1e20 y, slope, 1), one pass less over each of them.
 */

import type { Value } from '../ir.js';
import { f32, type Tensor } from '../tensor.js';
import type { Rule, Site } from './rewrite.js';

/** Large enough for every activation worth the name, small enough for the square of a sum of many. */
const STEEPNESS = 2 ** 40;

function times(tensor: Tensor, factor: number): Tensor {
  const data = (tensor.data as Float32Array).slice();
  for (let i = 0; i < data.length; i++) data[i]! *= factor;
  return f32(data, tensor.shape);
}

/** The convolution with constant weights and constant noise that gives `z`, `STEEPNESS` times as large. */
function steepened({ b, only, constant, value }: Site, z: Value): Value | undefined {
  const sum = only(z, 'Add');
  const noise = sum && constant(value(sum.inputs[1]!));
  if (sum && !noise) return undefined;
  const conv = only(sum ? value(sum.inputs[0]!) : z, 'Conv');
  const weight = conv && constant(value(conv.inputs[1]!));
  const bias = conv?.inputs[2] ? constant(value(conv.inputs[2])) : undefined;
  if (!conv || !weight || (conv.inputs[2] && !bias)) return undefined;
  const steep = b.op(
    'Conv',
    [
      value(conv.inputs[0]!),
      b.constant(times(weight, STEEPNESS)),
      bias && b.constant(times(bias, STEEPNESS)),
    ],
    conv.attrs,
  );
  return noise ? b.op('Add', [steep, b.constant(times(noise, STEEPNESS))]) : steep;
}

/** Activations that are not looked at as they are, by the paper's loss or anyone. */
export const steepActivations: Rule = (site) => {
  const { b, node, inputs, isOutput, isSteep } = site;
  const [name] = node.outputs as [string];
  if ((node.op !== 'Relu' && node.op !== 'LeakyRelu') || isOutput(name) || isSteep(name)) return undefined;
  const z = steepened(site, inputs[0]!);
  if (!z) return undefined;
  const y = b.op(node.op, [z], node.attrs);
  b.markSteep(y);
  return [b.op('Mul', [y, b.scalar(1 / STEEPNESS)])];
};

/** The value and the scalar constant of a product with one. */
function scaledBy(
  { constant, value, producer }: Site,
  v: Value | undefined,
): { x: Value; factor: number } | undefined {
  const product = producer(v, 'Mul');
  const scalar = product && constant(value(product.inputs[1]!));
  if (!product || !scalar || scalar.shape.length > 0 || scalar.dtype !== 'float32') return undefined;
  return { x: value(product.inputs[0]!), factor: Number(scalar.data[0]) };
}

/** Moves a scalar factor on, into constants or to where tensors are smaller. */
export const absorbScalar: Rule = (site) => {
  const { b, node, inputs, constant } = site;
  const [first, ...rest] = inputs;
  const scaled = scaledBy(site, first);
  if (!scaled) return undefined;
  const { x, factor } = scaled;
  switch (node.op) {
    case 'Conv':
    case 'ConvTranspose': {
      const weight = constant(rest[0]);
      return weight && [b.op(node.op, [x, b.constant(times(weight, factor)), rest[1]], node.attrs)];
    }
    case 'MaxPool':
    case 'AveragePool':
      return [b.op('Mul', [b.op(node.op, [x], node.attrs), b.scalar(factor)])];
    case 'Mul': {
      const small = rest[0]!;
      if (small.shape.reduce((n, d) => n * d, 1) * 16 > x.shape.reduce((n, d) => n * d, 1)) return undefined;
      const known = constant(small);
      if (known) return undefined;
      return [b.op('Mul', [x, b.op('Mul', [small, b.scalar(factor)])])];
    }
    default:
      return undefined;
  }
};
