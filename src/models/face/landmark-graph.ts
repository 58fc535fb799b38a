/**
 * The 68-landmark net of @vladmandic/face-api (densely added separable convolutions) as an ONNX graph:
 * faces [N,3,112,112] 0..255 -> landmarks [N,136], x and y in turn, 0..1 of the crop.
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';
import { conv, MEAN_RGB } from './layers.js';
import type { FaceWeights } from './weights.js';

export const LANDMARK_SIZE = 112;
const CHANNELS = [32, 64, 128, 256];

/** Builds the graph for batches of `faces`; every weight must fit and be used. */
export function landmarkGraph(weights: FaceWeights, faces: number): Graph {
  const b = new GraphBuilder('face-landmarks');
  const crops = b.input('faces', 'float32', [faces, 3, LANDMARK_SIZE, LANDMARK_SIZE]);
  const centred = b.op('Sub', [crops, b.constant(f32(MEAN_RGB, [1, 3, 1, 1]))]);
  let x = b.op('Mul', [centred, b.scalar(1 / 255)]);
  CHANNELS.forEach((channels, i) => {
    x = denseBlock(b, weights, `dense${i}`, x, channels);
  });
  // 7x7 pixels are left, so the average pool of the source net is a global one.
  const features = b.op('Reshape', [b.op('GlobalAveragePool', [x]), b.ints([faces, 256])]);
  const matrix = b.constant(f32(weights.take('fc/weights', [256, 136]), [256, 136]));
  const bias = b.constant(f32(weights.take('fc/bias', [136]), [136]));
  b.output(b.op('Add', [b.op('MatMul', [features, matrix]), bias], {}, 'landmarks'));
  weights.finish();
  return b.build();
}

/** y0 = relu(c0(x)); then each ck sees relu of the sum of all before it; the last sum is the output. */
function denseBlock(b: GraphBuilder, weights: FaceWeights, name: string, x: Value, channels: number): Value {
  const first = x.shape[1] === 3;
  const layer = first ? plain : separable;
  let sum = b.op('Relu', [layer(b, weights, `${name}/conv0`, x, channels, 2)]);
  let out = sum;
  for (let i = 1; i < 4; i++) {
    sum = b.op('Add', [sum, separable(b, weights, `${name}/conv${i}`, out, channels, 1)]);
    out = b.op('Relu', [sum]);
  }
  return out;
}

type Layer = (
  b: GraphBuilder,
  weights: FaceWeights,
  name: string,
  x: Value,
  channels: number,
  stride: number,
) => Value;

const plain: Layer = (b, weights, name, x, channels, stride) => {
  const shape = [3, 3, x.shape[1]!, channels] as const;
  const kernel = weights.take(`${name}/filters`, shape);
  return conv(b, x, { kernel, shape, bias: weights.take(`${name}/bias`, [channels]) }, { stride });
};

const separable: Layer = (b, weights, name, x, channels, stride) => {
  const inner = x.shape[1]!;
  const depth = [3, 3, inner, 1] as const;
  const point = [1, 1, inner, channels] as const;
  const spread = conv(
    b,
    x,
    { kernel: weights.take(`${name}/depthwise_filter`, depth), shape: depth },
    { stride, depthwise: true },
  );
  const kernel = weights.take(`${name}/pointwise_filter`, point);
  return conv(b, spread, { kernel, shape: point, bias: weights.take(`${name}/bias`, [channels]) });
};
