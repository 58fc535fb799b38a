/** Convolutions in the layout and padding of TensorFlow, as ONNX nodes. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';

export interface ConvWeights {
  /** TensorFlow layout: [k, k, in, out], or [k, k, channels, 1] for a depthwise convolution. */
  kernel: Float32Array;
  shape: readonly [number, number, number, number];
  /** One per output channel; left out: none. */
  bias?: Float32Array;
}

/** The mean colour, 0..255, that the landmark and identity nets take off. */
export const MEAN_RGB = [122.782, 117.001, 104.298] as const;

/** `same` keeps the side (over the stride); where its padding is odd, the end gets the larger half. */
export type Padding = 'same' | 'valid';

export interface ConvOptions {
  stride?: number;
  depthwise?: boolean;
  padding?: Padding;
}

/** 2-d convolution of x [N,C,H,W]. */
export function conv(
  b: GraphBuilder,
  x: Value,
  weights: ConvWeights,
  { stride = 1, depthwise = false, padding = 'same' }: ConvOptions = {},
): Value {
  const [kh, kw, inner, outer] = weights.shape;
  const padsOf = (size: number, kernel: number): [number, number] =>
    padding === 'same' ? samePads(size, kernel, stride) : [0, 0];
  const pads = [padsOf(x.shape[2]!, kh), padsOf(x.shape[3]!, kw)] as const;
  const shape = depthwise ? [inner, 1, kh, kw] : [outer, inner, kh, kw];
  const kernel = b.constant(f32(toOnnxLayout(weights, depthwise), shape));
  const bias = weights.bias && b.constant(f32(weights.bias, [weights.bias.length]));
  return b.op('Conv', [x, kernel, bias], {
    kernel_shape: [kh, kw],
    strides: [stride, stride],
    pads: [pads[0][0], pads[1][0], pads[0][1], pads[1][1]],
    group: depthwise ? inner : 1,
  });
}

function samePads(size: number, kernel: number, stride: number): [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** [kh, kw, in, out] -> [out, in, kh, kw]; depthwise [kh, kw, channels, 1] -> [channels, 1, kh, kw]. */
function toOnnxLayout({ kernel, shape }: ConvWeights, depthwise: boolean): Float32Array {
  const [kh, kw, inner, outer] = shape;
  const out = new Float32Array(kernel.length);
  for (let tap = 0; tap < kh * kw; tap++) {
    for (let i = 0; i < inner; i++) {
      for (let o = 0; o < outer; o++) {
        const row = depthwise ? i : o * inner + i;
        out[row * kh * kw + tap] = kernel[(tap * inner + i) * outer + o]!;
      }
    }
  }
  return out;
}

/** min(max(x, 0), 6). */
export const relu6 = (b: GraphBuilder, x: Value): Value => b.op('Clip', [x, b.scalar(0), b.scalar(6)]);
