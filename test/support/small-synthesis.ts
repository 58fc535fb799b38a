/** A synthesis network as the real one is built, of 4 px that grow to 32: `w` [1,8] -> `image` [1,3,32,32]. */
import { GraphBuilder } from '../../src/models/graph/builder.js';
import type { Graph, Value } from '../../src/models/graph/ir.js';
import { f32, type Shape, sizeOf } from '../../src/models/graph/tensor.js';
import { uniform } from './run-graph.js';

const CHANNELS = 16;
const DIM = 8;
/** LL, LH, HL, HH of inverse Haar. */
const HAAR = [
  [0.5, 0.5, 0.5, 0.5],
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, 0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
];

export interface SmallOptions {
  /** Slope of the activations for negative numbers; 1 makes the network linear. */
  alpha?: number;
  /** Side of the depthwise kernels: 1 mixes no pixels. */
  taps?: 1 | 3;
  /** Upsamplings with two convolutions each, before that of the image head. */
  blocks?: number;
}

export function smallSynthesis({ alpha = 0.2, taps = 3, blocks = 2 }: SmallOptions = {}): Graph {
  const b = new GraphBuilder('synthesis');
  const w = b.input('w', 'float32', [1, DIM]);
  let seed = 1;
  const random = (shape: Shape, name: string, gain = 1): Value =>
    b.constant(
      f32(
        uniform(sizeOf(shape), seed++).map((x) => gain * x),
        shape,
      ),
      name,
    );
  const scaled = (x: Value, name: string): Value => {
    const channels = x.shape[1]!;
    const weights = random([channels, DIM], `${name}.modulation`, 0.3);
    const styles = b.op(
      'Gemm',
      [w, weights, b.constant(f32(new Float32Array(channels).fill(1), [channels]))],
      { transB: 1 },
    );
    return b.op('Mul', [x, b.op('Reshape', [styles, b.ints([0, -1, 1, 1])])]);
  };
  const larger = (x: Value, name: string): Value => {
    const channels = x.shape[1]!;
    const kernels = f32(Array.from({ length: channels / 4 }, () => HAAR.flat()).flat(), [channels, 1, 2, 2]);
    const attrs = { kernel_shape: [2, 2], strides: [2, 2], group: channels / 4 };
    return b.op('ConvTranspose', [x, b.constant(kernels, `${name}.wavelet`)], attrs);
  };
  const convolved = (x: Value, name: string): Value => {
    const [, channels, side] = x.shape as [number, number, number];
    const pad = (taps - 1) / 2;
    const window = { kernel_shape: [taps, taps], pads: [pad, pad, pad, pad], group: channels };
    const kernel = random([channels, 1, taps, taps], `${name}.depthwise`, 0.6);
    const deep = b.op('Conv', [scaled(x, name), kernel], window);
    const inputs = [
      deep,
      random([CHANNELS, channels, 1, 1], `${name}.weight`, 0.6),
      random([CHANNELS], `${name}.bias`),
    ];
    const sum = b.op('Conv', inputs, { kernel_shape: [1, 1] });
    const noisy = b.op('Add', [sum, random([1, 1, side, side], `${name}.noise`, 0.2)]);
    return b.op('LeakyRelu', [noisy], { alpha });
  };
  let x = convolved(random([1, CHANNELS, 4, 4], 'input'), 'start');
  for (let i = 0; i < blocks; i++) {
    const up = larger(scaled(x, `block${i}.up`), `block${i}.up`);
    x = convolved(convolved(up, `block${i}.conv1`), `block${i}.conv2`);
  }
  const head = [
    scaled(x, 'to_img'),
    random([12, CHANNELS, 1, 1], 'to_img.weight', 0.3),
    random([12], 'to_img.bias'),
  ];
  b.output(larger(b.op('Conv', head, { kernel_shape: [1, 1] }), 'to_img'), 'image');
  return b.build();
}

/** A latent for it. */
export const smallLatent = (seed = 77): Float32Array => uniform(DIM, seed);
