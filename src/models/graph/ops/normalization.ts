/**
 * Normalisation: y = scale z + bias with z = (x - mean) / s, s = sqrt(var + epsilon).
 * With mean and variance taken over the same axes of x: dx = (h - mean(h) - z mean(h z)) / s, h = scale dL/dy.
 */
import type { GraphBuilder } from '../builder.js';
import { upTo } from '../data.js';
import type { Value } from '../ir.js';
import { reshape } from './resample.js';
import { axisOf, intAttr, type OpRule, sameShape, typeAt, unbroadcast } from './rule.js';

const EPSILON = 1e-5;

const mean = (b: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  b.op('ReduceMean', [x, b.ints(axes)], { keepdims: 1 });

/** z and 1 / s of a tensor over `axes`. */
function standardised(b: GraphBuilder, x: Value, axes: readonly number[], epsilon: number) {
  const centred = b.op('Sub', [x, mean(b, x, axes)]);
  const variance = mean(b, b.op('Mul', [centred, centred]), axes);
  const rate = b.op('Reciprocal', [b.op('Sqrt', [b.op('Add', [variance, b.scalar(epsilon)])])]);
  return { z: b.op('Mul', [centred, rate]), rate };
}

/** dL/dx from h = dL/dz. */
function throughStatistics(b: GraphBuilder, h: Value, z: Value, rate: Value, axes: readonly number[]): Value {
  const along = b.op('Mul', [z, mean(b, b.op('Mul', [h, z]), axes)]);
  return b.op('Mul', [b.op('Sub', [b.op('Sub', [h, mean(b, h, axes)]), along]), rate]);
}

/** A vector over the channels, [C] -> [C, 1, ...], so that it broadcasts to [N, C, ...]. */
const perChannel = (b: GraphBuilder, v: Value, rank: number): Value =>
  reshape(b, v, [...v.shape, ...new Array<number>(rank - 2).fill(1)]);

/** Sum over all but the channels: [N, C, ...] -> [C]. */
const overChannels = (b: GraphBuilder, x: Value): Value =>
  b.op('ReduceSum', [x, b.ints(upTo(x.shape.length).filter((i) => i !== 1))], { keepdims: 0 });

function channelVectors(from: number): OpRule['infer'] {
  return (ctx) => {
    const x = typeAt(ctx, 0);
    for (let i = 1; i < from; i++) {
      const { shape } = typeAt(ctx, i);
      if (!sameShape(shape, [x.shape[1]!]))
        throw new Error(`expected input ${i} of shape [${x.shape[1]}] but received [${shape}]`);
    }
    return [x];
  };
}

export const normalization: Readonly<Record<string, OpRule>> = {
  InstanceNormalization: {
    arity: [3, 3],
    infer: channelVectors(3),
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, scale] = inputs as [Value, Value];
      const g = grads[0]!;
      const rank = x.shape.length;
      const axes = upTo(rank).slice(2);
      const { z, rate } = standardised(b, x, axes, intAttr(attrs, 'epsilon', EPSILON));
      const h = () => b.op('Mul', [g, perChannel(b, scale, rank)]);
      return [
        needs(0) ? throughStatistics(b, h(), z, rate, axes) : undefined,
        needs(1) ? overChannels(b, b.op('Mul', [g, z])) : undefined,
        needs(2) ? overChannels(b, g) : undefined,
      ];
    },
  },
  /** Over the last axes, from `axis` on. */
  LayerNormalization: {
    arity: [2, 3],
    infer: (ctx) => [typeAt(ctx, 0)],
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, scale, bias] = inputs as [Value, Value, Value | undefined];
      const g = grads[0]!;
      const first = axisOf(intAttr(attrs, 'axis', -1), x.shape.length);
      const axes = upTo(x.shape.length).slice(first);
      const { z, rate } = standardised(b, x, axes, intAttr(attrs, 'epsilon', EPSILON));
      return [
        needs(0) ? throughStatistics(b, b.op('Mul', [g, scale]), z, rate, axes) : undefined,
        needs(1) ? unbroadcast(b, b.op('Mul', [g, z]), scale.shape) : undefined,
        bias && needs(2) ? unbroadcast(b, g, bias.shape) : undefined,
      ];
    },
  },
  /** As at inference: mean and variance are inputs. */
  BatchNormalization: {
    arity: [5, 5],
    infer: channelVectors(5),
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, scale, , mean, variance] = inputs as [Value, Value, Value, Value, Value];
      const g = grads[0]!;
      const rank = x.shape.length;
      const spread = b.op('Add', [variance, b.scalar(intAttr(attrs, 'epsilon', EPSILON))]);
      const gain = b.op('Div', [scale, b.op('Sqrt', [spread])]);
      const centred = () => b.op('Sub', [x, perChannel(b, mean, rank)]);
      // sum g (x - mean), of which dL/dscale and dL/dvariance are multiples by channel
      const moment = needs(1) || needs(4) ? overChannels(b, b.op('Mul', [g, centred()])) : undefined;
      const half = () => b.op('Mul', [b.op('Div', [gain, spread]), b.scalar(-0.5)]);
      return [
        needs(0) ? b.op('Mul', [g, perChannel(b, gain, rank)]) : undefined,
        needs(1) ? b.op('Div', [moment, b.op('Sqrt', [spread])]) : undefined,
        needs(2) ? overChannels(b, g) : undefined,
        needs(3) ? b.op('Neg', [b.op('Mul', [gain, overChannels(b, g)])]) : undefined,
        needs(4) ? b.op('Mul', [moment, half()]) : undefined,
      ];
    },
  },
};
