/**
 * The identity net of @vladmandic/face-api (dlib's ResNet of 29 convolutions, by way of face-api.js) as an ONNX graph:
 * faces [N,3,150,150] 0..255 -> descriptors [N,128]. Descriptors of one person lie close together (Euclidean distance).
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';
import { conv, MEAN_RGB, type Padding } from './layers.js';
import type { FaceWeights } from './weights.js';

export const IDENTITY_SIZE = 150;
export const DESCRIPTOR_SIZE = 128;

/** Residual blocks in order: name, channels, and whether it halves the side. */
const BLOCKS: readonly { name: string; channels: number; down?: true }[] = [
  { name: 'conv32_1', channels: 32 },
  { name: 'conv32_2', channels: 32 },
  { name: 'conv32_3', channels: 32 },
  { name: 'conv64_down', channels: 64, down: true },
  { name: 'conv64_1', channels: 64 },
  { name: 'conv64_2', channels: 64 },
  { name: 'conv64_3', channels: 64 },
  { name: 'conv128_down', channels: 128, down: true },
  { name: 'conv128_1', channels: 128 },
  { name: 'conv128_2', channels: 128 },
  { name: 'conv256_down', channels: 256, down: true },
  { name: 'conv256_1', channels: 256 },
  { name: 'conv256_2', channels: 256 },
  { name: 'conv256_down_out', channels: 256, down: true },
];

/** Builds the graph for batches of `faces`; every weight must fit and be used. */
export function identityGraph(weights: FaceWeights, faces: number): Graph {
  const b = new GraphBuilder('face-identity');
  const crops = b.input('faces', 'float32', [faces, 3, IDENTITY_SIZE, IDENTITY_SIZE]);
  const centred = b.op('Sub', [crops, b.constant(f32(MEAN_RGB, [1, 3, 1, 1]))]);
  const scaled = b.op('Mul', [centred, b.scalar(1 / 255)]);
  const first = b.op('Relu', [layer(b, weights, 'conv32_down', scaled, 7, 32, 2)]);
  let x = b.op('MaxPool', [first], { kernel_shape: [3, 3], strides: [2, 2] });
  for (const { name, channels, down } of BLOCKS) {
    const once = b.op('Relu', [layer(b, weights, `${name}/conv1`, x, 3, channels, down ? 2 : 1)]);
    const twice = layer(b, weights, `${name}/conv2`, once, 3, channels, 1);
    const [past, sum] = down ? aligned(b, x, twice) : [x, twice];
    x = b.op('Relu', [b.op('Add', [past, sum])]);
  }
  const features = b.op('ReduceMean', [x, b.ints([2, 3])], { keepdims: 0 });
  const matrix = b.constant(f32(weights.take('fc', [256, DESCRIPTOR_SIZE]), [256, DESCRIPTOR_SIZE]));
  b.output(b.op('MatMul', [features, matrix], {}, 'descriptors'));
  weights.finish();
  return b.build();
}

/** (conv(x) + bias) * scale + shift, with scale and shift folded into kernel and bias. Halving ones have no padding. */
function layer(
  b: GraphBuilder,
  weights: FaceWeights,
  name: string,
  x: Value,
  side: number,
  channels: number,
  stride: 1 | 2,
): Value {
  const shape = [side, side, x.shape[1]!, channels] as const;
  const kernel = weights.take(`${name}/conv/filters`, shape);
  const [bias, scale, shift] = ['conv/bias', 'scale/weights', 'scale/biases'].map((part) =>
    weights.take(`${name}/${part}`, [channels]),
  );
  const folded = {
    kernel: kernel.map((k, i) => k * scale![i % channels]!),
    shape,
    bias: bias!.map((value, c) => value * scale![c]! + shift![c]!),
  };
  const padding: Padding = stride === 2 ? 'valid' : 'same';
  return conv(b, x, folded, { stride, padding });
}

/**
 * The way past a halving block, and the block's own result, in one shape: the past is averaged over 2 x 2 pixels, and
 * whichever has fewer channels, rows or columns is filled up with zeros at the end.
 */
function aligned(b: GraphBuilder, past: Value, sum: Value): [Value, Value] {
  const pooled = b.op('AveragePool', [past], { kernel_shape: [2, 2], strides: [2, 2] });
  const shape = pooled.shape.map((d, axis) => Math.max(d, sum.shape[axis]!));
  return [filledUp(b, pooled, shape), filledUp(b, sum, shape)];
}

function filledUp(b: GraphBuilder, x: Value, shape: readonly number[]): Value {
  return shape.reduce((value, extent, axis) => {
    const missing = value.shape.map((d, i) => (i === axis ? extent - d : d));
    if (missing[axis] === 0) return value;
    const zeros = new Float32Array(missing.reduce((n, d) => n * d, 1));
    return b.op('Concat', [value, b.constant(f32(zeros, missing))], { axis });
  }, x);
}
