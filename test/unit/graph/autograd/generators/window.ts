/** Convolutions and pools: windows whose size, stride, dilation and pads fit the axes that they slide over. */
import type { Attributes } from '../../../../../src/models/graph/ir.js';
import { sizeOf } from '../../../../../src/models/graph/tensor.js';
import type { Sketch, Term } from '../sketch.js';
import { type Generator, type Generators, image, ofRank } from './generator.js';

interface Drawn {
  kernel_shape: number[];
  strides: number[];
  dilations: number[];
  pads: number[];
}

/** A window for axes of the given sizes; pads are less than the kernel where `tight`, as pools want them. */
function window(s: Sketch, sizes: readonly number[], tight: boolean): Drawn {
  const axes = sizes.map((size) => {
    const kernel = Math.min(s.between(1, 3), size);
    const dilation = (kernel - 1) * 2 + 1 <= size && s.rarely(3) ? 2 : 1;
    const pad = () => (s.rarely(2) ? s.draw(tight ? kernel : 3) : 0);
    return { kernel, dilation, stride: s.pick([1, 2, 1, 3]), before: pad(), after: pad() };
  });
  return {
    kernel_shape: axes.map((a) => a.kernel),
    strides: axes.map((a) => a.stride),
    dilations: axes.map((a) => a.dilation),
    pads: [...axes.map((a) => a.before), ...axes.map((a) => a.after)],
  };
}

/** Kernel [a, b, k...], frozen or an activation, of entries whose sum over `fanIn` stays near 1. */
function kernel(s: Sketch, shape: number[], fanIn: number): Term {
  const gain = 1.5 / Math.sqrt(fanIn);
  return s.parameter(shape, -gain, gain);
}

const bias = (s: Sketch, channels: number): Term[] => (s.rarely(2) ? [s.parameter([channels])] : []);

const divisors = (n: number): number[] => [1, 2, 3, 4].filter((d) => n % d === 0);

const pool =
  (op: string, attributes: (s: Sketch) => Attributes): Generator =>
  (s) => {
    const x = image(s);
    const { dilations, ...drawn } = window(s, x.value.shape.slice(2), true);
    const sparse = op === 'MaxPool' && s.rarely(2);
    s.emit(op, [x], { ...drawn, ...(sparse ? { dilations } : {}), ...attributes(s) }, 4);
  };

export const windows: Generators = {
  Conv: (s) => {
    const x = image(s);
    const [, channels, ...sizes] = x.value.shape as [number, number, ...number[]];
    const group = s.pick(divisors(channels));
    const drawn = window(s, sizes, false);
    const outputs = group * s.between(1, 2);
    const inner = channels / group;
    const fanIn = inner * sizeOf(drawn.kernel_shape);
    const weight = kernel(s, [outputs, inner, ...drawn.kernel_shape], fanIn);
    s.emit('Conv', [x, weight, ...bias(s, outputs)], { ...drawn, group }, 4 * weight.bound * fanIn + 4);
  },
  ConvTranspose: (s) => {
    const x = image(s);
    const [, channels, ...sizes] = x.value.shape as [number, number, ...number[]];
    const group = s.pick(divisors(channels));
    const { pads, ...drawn } = window(s, sizes, true);
    const output_padding = drawn.strides.map((stride) => (stride > 1 && s.rarely(2) ? 1 : 0));
    const each = s.between(1, 2);
    const weight = kernel(s, [channels, each, ...drawn.kernel_shape], channels / group);
    // One row of the result at least must outlast the pads.
    const rank = sizes.length;
    const kept = pads.map((p, i) => {
      const a = i % rank;
      const full =
        (sizes[a]! - 1) * drawn.strides[a]! + drawn.dilations[a]! * (drawn.kernel_shape[a]! - 1) + 1;
      return Math.min(p, Math.floor((full - 1) / 2));
    });
    const bound = 4 * weight.bound * (channels / group) * sizeOf(drawn.kernel_shape) + 4;
    s.emit(
      'ConvTranspose',
      [x, weight, ...bias(s, each * group)],
      { ...drawn, pads: kept, output_padding, group },
      bound,
    );
  },
  MaxPool: pool('MaxPool', () => ({})),
  AveragePool: pool('AveragePool', (s) => ({ count_include_pad: s.draw(2) })),
  GlobalAveragePool: (s) => {
    s.emit('GlobalAveragePool', [s.operand({ fits: ofRank(3, 5), otherwise: () => [1, 2, 3, 3] })], {}, 4);
  },
};
