/**
 * SSD MobileNet v1 for faces (Liu et al. 2016, Howard et al. 2017) with the weights of @vladmandic/face-api,
 * as an ONNX graph: image [1,3,512,512] -1..1 -> boxes [5118,4] (top, left, bottom, right; 1 = 512 px), scores [5118].
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';
import { type ConvWeights, conv, relu6 } from './layers.js';
import type { FaceWeights } from './weights.js';

export const DETECTOR_SIZE = 512;
const ANCHORS = 5118;
const BATCH_NORM_EPSILON = 0.001;

/** Output channels and stride of the 13 depthwise-separable layers. */
const MOBILENET = [
  [64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2],
  [512, 1], [512, 1], [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1],
] as const; // biome-ignore format: a table

/** Kernel, output channels and stride of the extra feature layers; every second one is predicted from. */
const EXTRA = [
  [1, 256, 1], [3, 512, 2], [1, 128, 1], [3, 256, 2], [1, 128, 1], [3, 256, 2], [1, 64, 1], [3, 128, 2],
] as const; // biome-ignore format: a table

/** Builds the graph; every weight must fit and be used. */
export function detectorGraph(weights: FaceWeights): Graph {
  const b = new GraphBuilder('face-detector');
  const image = b.input('image', 'float32', [1, 3, DETECTOR_SIZE, DETECTOR_SIZE]);
  const features = extraFeatures(b, weights, mobilenet(b, weights, image));
  const codes: Value[] = [];
  const logits: Value[] = [];
  features.forEach((feature, i) => {
    const anchors = i === 0 ? 3 : 6;
    const predict = (head: string, values: number) => {
      const name = `Prediction/BoxPredictor_${i}/${head}`;
      return predictor(b, weights, name, feature, anchors, values);
    };
    codes.push(predict('BoxEncodingPredictor', 4));
    logits.push(predict('ClassPredictor', 3));
  });
  const rows = b.op('Concat', logits, { axis: 0 });
  // Classes are background, face, and one that was never trained.
  const face = slice(b, rows, 1, 2);
  b.output(b.op('Reshape', [b.op('Sigmoid', [face]), b.ints([ANCHORS])], {}, 'scores'));
  const anchors = weights.take('Output/extra_dim', [1, ANCHORS, 4]);
  b.output(decodeBoxes(b, b.op('Concat', codes, { axis: 0 }), anchors));
  weights.finish((name) =>
    /^(Preprocessor|Postprocessor|concat_1)\/|\/(stack|stack_1|strided_slice)\//.test(name),
  );
  return b.build();
}

/** Features after layer 11 [1,512,32,32] and after the last layer [1,1024,16,16]. */
function mobilenet(b: GraphBuilder, weights: FaceWeights, image: Value): [Value, Value] {
  let x = relu6(b, conv(b, image, pointwise(weights, 'MobilenetV1/Conv2d_0', [3, 3, 3, 32]), { stride: 2 }));
  let channels = 32;
  let layer11 = x;
  MOBILENET.forEach(([outer, stride], index) => {
    const name = `MobilenetV1/Conv2d_${index + 1}`;
    x = relu6(b, conv(b, x, depthwise(weights, `${name}_depthwise`, channels), { stride, depthwise: true }));
    x = relu6(b, conv(b, x, pointwise(weights, name, [1, 1, channels, outer])));
    channels = outer;
    if (index === 10) layer11 = x;
  });
  return [layer11, x];
}

/** The six feature maps that boxes are predicted from: 32, 16, 8, 4, 2 and 1 pixels wide. */
function extraFeatures(b: GraphBuilder, weights: FaceWeights, [layer11, last]: [Value, Value]): Value[] {
  const features = [layer11, last];
  let x = last;
  EXTRA.forEach(([kernel, outer, stride], i) => {
    const shape = [kernel, kernel, x.shape[1]!, outer] as const;
    x = relu6(b, conv(b, x, pointwise(weights, `Prediction/Conv2d_${i}`, shape), { stride }));
    if (i % 2 === 1) features.push(x);
  });
  return features;
}

function pointwise(weights: FaceWeights, name: string, shape: ConvWeights['shape']): ConvWeights {
  return {
    kernel: weights.take(`${name}_pointwise/weights`, shape),
    shape,
    bias: weights.take(`${name}_pointwise/convolution_bn_offset`, [shape[3]]),
  };
}

/** Folds batch normalisation into kernel and bias: y = (x - mean) * gamma / sqrt(variance + eps) + beta. */
function depthwise(weights: FaceWeights, name: string, channels: number): ConvWeights {
  const shape = [3, 3, channels, 1] as const;
  const kernel = weights.take(`${name}/depthwise_weights`, shape);
  const norm = (part: string) => weights.take(`${name}/BatchNorm/${part}`, [channels]);
  const [gamma, beta, mean, variance] = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map(norm);
  const scale = gamma!.map((g, c) => g / Math.sqrt(variance![c]! + BATCH_NORM_EPSILON));
  return {
    kernel: kernel.map((k, i) => k * scale[i % channels]!),
    shape,
    bias: beta!.map((value, c) => value - mean![c]! * scale[c]!),
  };
}

/** [1,C,h,w] -> [h*w*anchors, values], the anchors of one place next to each other. */
function predictor(
  b: GraphBuilder,
  weights: FaceWeights,
  name: string,
  x: Value,
  anchors: number,
  values: number,
): Value {
  const shape = [1, 1, x.shape[1]!, anchors * values] as const;
  const kernel = weights.take(`${name}/weights`, shape);
  const bias = weights.take(`${name}/biases`, [anchors * values]);
  const y = b.op('Transpose', [conv(b, x, { kernel, shape, bias })], { perm: [0, 2, 3, 1] });
  return b.op('Reshape', [y, b.ints([x.shape[2]! * x.shape[3]! * anchors, values])]);
}

/**
 * Codes [n,4] relative to anchors (top, left, bottom, right) -> boxes:
 * centre = anchor centre + code/10 * anchor size, size = anchor size * exp(code/5).
 */
function decodeBoxes(b: GraphBuilder, codes: Value, anchors: Float32Array): Value {
  const rows = Array.from({ length: ANCHORS }, (_, i) => anchors.subarray(4 * i, 4 * i + 4));
  const table = (f: (row: Float32Array) => [number, number]) =>
    b.constant(f32(Float32Array.from(rows.flatMap(f)), [ANCHORS, 2]));
  const centres = table(([t, l, u, r]) => [(t! + u!) / 2, (l! + r!) / 2]);
  const sizes = table(([t, l, u, r]) => [u! - t!, r! - l!]);
  const scaled = (x: Value, by: number) => b.op('Mul', [x, b.scalar(by)]);
  const offset = b.op('Mul', [scaled(slice(b, codes, 0, 2), 1 / 10), sizes]);
  const centre = b.op('Add', [offset, centres]);
  const half = scaled(b.op('Mul', [b.op('Exp', [scaled(slice(b, codes, 2, 4), 1 / 5)]), sizes]), 1 / 2);
  return b.op('Concat', [b.op('Sub', [centre, half]), b.op('Add', [centre, half])], { axis: 1 }, 'boxes');
}

/** Columns from..to of a matrix. */
const slice = (b: GraphBuilder, x: Value, from: number, to: number): Value =>
  b.op('Slice', [x, b.ints([from]), b.ints([to]), b.ints([1]), b.ints([1])]);
