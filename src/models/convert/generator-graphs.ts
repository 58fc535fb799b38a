/** MobileStyleGAN's weights -> forward graphs: mapping z [N,512] -> w, synthesis w [N,16,512] -> image [N,3,1024,1024]. */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32, i64, sizeOf, type Tensor } from '../graph/tensor.js';
import type { MappingWeights, Modulation, StyledConv, SynthesisWeights, Wavelet } from './mobilestylegan.js';

const SLOPE = 0.2;
const GAIN = Math.fround(Math.SQRT2);

/** Graph `mapping`: pixel norm, then eight times Gemm, LeakyReLU 0.2, gain sqrt 2. */
export function mappingGraph({ epsilon, layers }: MappingWeights): Graph {
  const b = new GraphBuilder('mapping');
  const z = b.input('z', 'float32', [1, 512]);
  const mean = b.op('ReduceMean', [b.op('Mul', [z, z]), b.ints([1])], { keepdims: 1 });
  let x = b.op('Div', [z, b.op('Sqrt', [b.op('Add', [mean, b.scalar(epsilon)])])]);
  layers.forEach(({ weight, bias }, i) => {
    const inputs = [x, b.constant(weight, `fc${i}.weight`), b.constant(bias, `fc${i}.bias`)];
    const active = b.op('LeakyRelu', [b.op('Gemm', inputs, { transB: 1 })], { alpha: SLOPE });
    x = b.op('Mul', [active, b.scalar(GAIN)]);
  });
  b.output(x, 'w');
  return b.build();
}

/**
 * Graph `synthesis`. Style 0 feeds conv1; style 1+2i the up-sampling and first convolution of block i, style 2+2i its
 * second; style 15 the image head.
 *
 * The inverse wavelet transform is one ConvTranspose whose groups are (LL, LH, HL, HH) of one output channel. The file
 * has all LL first; the weights of the layer before each transform are reordered instead of its activations.
 */
export function synthesisGraph(weights: SynthesisWeights): Graph {
  const b = new GraphBuilder('synthesis');
  const w = b.input('w', 'float32', [1, 16, 512]);
  const styles = Array.from({ length: 16 }, (_, i) =>
    b.op('Gather', [w, b.constant(i64([i], []), `style${i}.index`)], { axis: 1 }, `style${i}`),
  );
  const { blocks, toImage } = weights;
  const input = b.constant(weights.input, 'input');
  let x = styledConv(b, 'conv1', input, styles[0]!, reordered(weights.conv1));
  blocks.forEach((block, i) => {
    const [first, second] = [styles[1 + 2 * i]!, styles[2 + 2 * i]!];
    const order = groupedBands(block.up.bias.data.length);
    const lifted = b.op('Mul', [x, scale(b, `block${i}.up`, first, reorderModulation(block.up, order))]);
    const larger = inverseWavelet(b, `block${i}.up`, lifted, block.wavelet);
    const once = styledConv(b, `block${i}.conv1`, larger, first, block.conv1);
    const nextIsWavelet = i + 1 < blocks.length;
    x = styledConv(b, `block${i}.conv2`, once, second, nextIsWavelet ? reordered(block.conv2) : block.conv2);
  });
  const order = groupedBands(toImage.bias.data.length);
  const modulated = b.op('Mul', [x, scale(b, 'to_img', styles[15]!, toImage.modulation)]);
  const bands = b.op(
    'Conv',
    [
      modulated,
      b.constant(reorderRows(toImage.weight, order), 'to_img.weight'),
      b.constant(vector(reorderVector(toImage.bias, order)), 'to_img.bias'),
    ],
    { kernel_shape: [1, 1] },
  );
  b.output(inverseWavelet(b, 'to_img', bands, toImage.wavelet), 'image');
  return b.build();
}

/** LeakyReLU(conv(x * scale) + bias + noise) */
function styledConv(b: GraphBuilder, name: string, x: Value, style: Value, layer: StyledConv): Value {
  let y = b.op('Mul', [x, scale(b, name, style, layer.modulation)]);
  const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  if (layer.depthwise) {
    const kernel = b.constant(layer.depthwise, `${name}.depthwise`);
    y = b.op('Conv', [y, kernel], { ...padded, group: layer.depthwise.shape[0]! });
  }
  const inputs = [
    y,
    b.constant(layer.weight, `${name}.weight`),
    b.constant(vector(layer.bias), `${name}.bias`),
  ];
  const sum = b.op('Conv', inputs, layer.depthwise ? { kernel_shape: [1, 1] } : padded);
  const noisy = b.op('Add', [sum, b.constant(layer.noise, `${name}.noise`)]);
  return b.op('LeakyRelu', [noisy], { alpha: SLOPE }, name);
}

/** [N,C,1,1] = (scale A) w + scale b */
function scale(
  b: GraphBuilder,
  name: string,
  style: Value,
  { weight, bias, scale: factor }: Modulation,
): Value {
  const times = (t: Tensor): Tensor =>
    f32(
      Float32Array.from(t.data as Float32Array, (v) => v * factor),
      t.shape,
    );
  const inputs = [
    style,
    b.constant(times(weight), `${name}.modulation.weight`),
    b.constant(vector(times(bias)), `${name}.modulation.bias`),
  ];
  return b.op('Reshape', [b.op('Gemm', inputs, { transB: 1 }), b.ints([0, -1, 1, 1])]);
}

/** [N,4C,H,W], bands of a channel together -> [N,C,2H,2W]. */
function inverseWavelet(b: GraphBuilder, name: string, x: Value, wavelet: Wavelet): Value {
  const channels = x.shape[1]! / 4;
  const kernels = Array.from({ length: channels }, () => wavelet.flat()).flat();
  const kernel = b.constant(f32(kernels, [4 * channels, 1, 2, 2]), `${name}.wavelet`);
  return b.op('ConvTranspose', [x, kernel], { kernel_shape: [2, 2], strides: [2, 2], group: channels });
}

/** New channel 4o+k <- old channel: o for LL (k = 0), else C + 3o + k - 1 of C output channels. */
function groupedBands(channels: number): number[] {
  const out = channels / 4;
  return Array.from({ length: channels }, (_, i) => (i % 4 === 0 ? i / 4 : out + 3 * (i >> 2) + (i % 4) - 1));
}

/** The same layer with its output channels in the order that the next wavelet transform wants. */
function reordered(layer: StyledConv): StyledConv {
  const order = groupedBands(layer.bias.data.length);
  return { ...layer, weight: reorderRows(layer.weight, order), bias: reorderVector(layer.bias, order) };
}

const reorderModulation = (m: Modulation, order: readonly number[]): Modulation => ({
  ...m,
  weight: reorderRows(m.weight, order),
  bias: reorderVector(m.bias, order),
});

/** Reorders the first axis. */
function reorderRows(tensor: Tensor, order: readonly number[]): Tensor {
  const size = sizeOf(tensor.shape.slice(1));
  const source = tensor.data as Float32Array;
  const data = new Float32Array(source.length);
  order.forEach((from, to) => {
    data.set(source.subarray(from * size, (from + 1) * size), to * size);
  });
  return f32(data, tensor.shape);
}

/** Reorders the only axis that is longer than 1. */
const reorderVector = (tensor: Tensor, order: readonly number[]): Tensor =>
  f32(
    order.map((from) => (tensor.data as Float32Array)[from]!),
    tensor.shape,
  );

const vector = (tensor: Tensor): Tensor => f32(tensor.data as Float32Array, [tensor.data.length]);
