/**
 * MobileStyleGAN (Belousov 2021, arXiv:2104.04767) as its OpenVINO files hold it -> plain weights.
 *
 * The files serve one style for all layers, but the weights beneath are those of W+: each modulation takes its own.
 * Demodulation was trained into a constant and is folded into the stored convolution weights.
 */
import { numbersOf, sizeOf, type Tensor } from '../graph/tensor.js';
import type { Ref, SourceNet } from './openvino.js';
import { Walk } from './walk.js';

/** Per-channel scale of a convolution's input: scale * (weight w + bias), weight [C,512], bias [C]. */
export interface Modulation {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly scale: number;
}

/** Modulated convolution, noise [1,1,H,W], bias, LeakyReLU 0.2. */
export interface StyledConv {
  readonly modulation: Modulation;
  /** Depthwise kernel [C,1,3,3]; without it `weight` is a dense 3x3 kernel. */
  readonly depthwise?: Tensor;
  readonly weight: Tensor;
  readonly noise: Tensor;
  readonly bias: Tensor;
}

/** Four 2x2 kernels LL, LH, HL, HH of the inverse wavelet transform, each row by row. */
export type Wavelet = readonly (readonly number[])[];

export interface Block {
  readonly up: Modulation;
  readonly wavelet: Wavelet;
  readonly conv1: StyledConv;
  readonly conv2: StyledConv;
}

export interface SynthesisWeights {
  /** Learned input [1,512,4,4]. */
  readonly input: Tensor;
  readonly conv1: StyledConv;
  /** From 8 px to 512 px. */
  readonly blocks: readonly Block[];
  readonly toImage: {
    readonly modulation: Modulation;
    readonly weight: Tensor;
    readonly bias: Tensor;
    readonly wavelet: Wavelet;
  };
}

export interface MappingWeights {
  readonly epsilon: number;
  /** weight [512,512] (out, in), bias [512]; each followed by LeakyReLU 0.2 and a gain of sqrt 2. */
  readonly layers: readonly { readonly weight: Tensor; readonly bias: Tensor }[];
}

const BLOCKS = 7;
const SLOPE = 0.2;
const PLAIN = { strides: '1, 1', pads_begin: '0, 0', pads_end: '0, 0' };
const PADDED = { strides: '1, 1', pads_begin: '1, 1', pads_end: '1, 1' };
const ROWS = { strides: '2, 1', pads_begin: '0, 0', pads_end: '0, 0' };
const COLUMNS = { strides: '1, 2', pads_begin: '0, 0', pads_end: '0, 0' };

/** Weights of the synthesis network. Throws when any layer of the file is not where this network has it. */
export function readSynthesis(net: SourceNet): SynthesisWeights {
  const walk = new Walk(net);
  const image = inverseWavelet(walk, walk.result());
  const [shaded, imageBias] = walk.inputs(image.input, 'Add') as [Ref, Ref];
  const [modulated, imageWeight] = walk.inputs(shaded, 'Convolution', PLAIN) as [Ref, Ref];
  const [imageStyle, features] = walk.inputs(modulated, 'Multiply') as [Ref, Ref];
  const last = `m.layers.${BLOCKS - 1}.to_img`;
  const toImage = {
    modulation: scaled(walk, imageStyle, `${last}.conv`),
    weight: walk.weight(imageWeight, [12, -1, 1, 1], `${last}.conv.weight`),
    bias: walk.weight(imageBias, [1, 12, 1, 1], `${last}.bias`),
    wavelet: image.wavelet,
  };
  const blocks: Block[] = [];
  let at = features;
  for (let i = BLOCKS - 1; i >= 0; i--) {
    const conv2 = separable(walk, at, `m.layers.${i}.conv2`);
    const conv1 = separable(walk, conv2.input, `m.layers.${i}.conv1`);
    const { input, wavelet } = inverseWavelet(walk, conv1.input);
    const [style, before] = walk.inputs(input, 'Multiply') as [Ref, Ref];
    const up = modulation(walk, style, `m.layers.${i}.up`, 1);
    blocks.unshift({ up, wavelet, conv1: conv1.layer, conv2: conv2.layer });
    at = before;
  }
  const first = dense(walk, at, 'm.conv1');
  const [broadcast, tiles] = walk.inputs(first.input, 'Tile') as [Ref, Ref];
  const [input, size] = walk.inputs(broadcast, 'Broadcast') as [Ref, Ref];
  walk.arithmetic(tiles);
  walk.arithmetic(size);
  const weights = {
    input: walk.weight(input, [1, 512, 4, 4], 'm.input.input'),
    conv1: first.layer,
    blocks,
    toImage,
  };
  walk.finish();
  return weights;
}

/** Weights of the mapping network: pixel norm and eight fully connected layers. */
export function readMapping(net: SourceNet): MappingWeights {
  const walk = new Walk(net);
  const layers: { weight: Tensor; bias: Tensor }[] = [];
  let at = walk.result();
  for (let i = 0; i < 8; i++) {
    const [active, gain] = walk.inputs(at, 'Multiply') as [Ref, Ref];
    walk.expect(gain, Math.SQRT2);
    const [sum, slope] = walk.inputs(active, 'PReLU') as [Ref, Ref];
    walk.expect(slope, SLOPE);
    const [product, biasRow] = walk.inputs(sum, 'Add') as [Ref, Ref];
    const [bias, shape] = walk.inputs(biasRow, 'Reshape') as [Ref, Ref];
    walk.arithmetic(shape);
    const [input, weight] = walk.inputs(product, 'MatMul') as [Ref, Ref];
    layers.unshift({ weight: walk.weight(weight, [512, 512]), bias: walk.weight(bias, [512]) });
    at = input;
  }
  const epsilon = pixelNorm(walk, at);
  walk.finish();
  return { epsilon, layers };
}

/** z * (1 * ((mean(z^2) + epsilon)^0.5)^-1) -> epsilon */
function pixelNorm(walk: Walk, ref: Ref): number {
  const [z, factor] = walk.inputs(ref, 'Multiply') as [Ref, Ref];
  const [one, reciprocal] = walk.inputs(factor, 'Multiply') as [Ref, Ref];
  const [root, minusOne] = walk.inputs(reciprocal, 'Power') as [Ref, Ref];
  const [sum, half] = walk.inputs(root, 'Power') as [Ref, Ref];
  const [mean, epsilon] = walk.inputs(sum, 'Add') as [Ref, Ref];
  const [square, axis] = walk.inputs(mean, 'ReduceMean') as [Ref, Ref];
  const [again, two] = walk.inputs(square, 'Power') as [Ref, Ref];
  walk.expect(one, 1);
  walk.expect(minusOne, -1);
  walk.expect(half, 0.5);
  walk.expect(two, 2);
  walk.expect(axis, 1);
  if (walk.take(z, 'Parameter') !== walk.take(again, 'Parameter')) throw new Error('Expected one input');
  return walk.number(epsilon);
}

/** scale * modulation */
function scaled(walk: Walk, ref: Ref, name: string): Modulation {
  const [style, scale] = walk.inputs(ref, 'Multiply') as [Ref, Ref];
  return modulation(walk, style, name, walk.number(scale));
}

/** Reshape(weight w + bias, [N,C,1,1]) */
function modulation(walk: Walk, ref: Ref, name: string, scale: number): Modulation {
  const [sum, shape] = walk.inputs(ref, 'Reshape') as [Ref, Ref];
  walk.arithmetic(shape);
  const [product, bias] = walk.inputs(sum, 'Add') as [Ref, Ref];
  const [style, weight] = walk.inputs(product, 'MatMul') as [Ref, Ref];
  walk.take(style, 'Parameter');
  return {
    weight: walk.weight(weight, [-1, 512], `${name}.modulation.weight`),
    bias: walk.weight(bias, [1, -1], `${name}.modulation.bias`),
    scale,
  };
}

/** LeakyReLU(x + noise + bias) around a convolution. */
function activation(walk: Walk, ref: Ref, name: string) {
  const [sum, slope] = walk.inputs(ref, 'PReLU') as [Ref, Ref];
  walk.expect(slope, SLOPE);
  const [noisy, bias] = walk.inputs(sum, 'Add') as [Ref, Ref];
  const [conv, noise] = walk.inputs(noisy, 'Add') as [Ref, Ref];
  const size = walk.shape(ref).slice(2);
  return {
    conv,
    noise: walk.weight(noise, [1, 1, ...size]),
    bias: walk.weight(bias, [1, -1, 1, 1], `${name}.bias`),
  };
}

interface Found {
  readonly layer: StyledConv;
  /** What the layer reads. */
  readonly input: Ref;
}

function separable(walk: Walk, ref: Ref, name: string): Found {
  const { conv, noise, bias } = activation(walk, ref, name);
  const [deep, weight] = walk.inputs(conv, 'Convolution', PLAIN) as [Ref, Ref];
  const [modulated, kernel] = walk.inputs(deep, 'GroupConvolution', PADDED) as [Ref, Ref];
  const [style, input] = walk.inputs(modulated, 'Multiply') as [Ref, Ref];
  const grouped = walk.weight(kernel, [-1, 1, 1, 3, 3], `${name}.conv.weight_dw`);
  const layer = {
    modulation: scaled(walk, style, `${name}.conv`),
    depthwise: { ...grouped, shape: [grouped.shape[0]!, 1, 3, 3] },
    weight: walk.weight(weight, [-1, grouped.shape[0]!, 1, 1]),
    noise,
    bias,
  };
  return { layer, input };
}

function dense(walk: Walk, ref: Ref, name: string): Found {
  const { conv, noise, bias } = activation(walk, ref, name);
  const [modulated, weight] = walk.inputs(conv, 'Convolution', PADDED) as [Ref, Ref];
  const [style, input] = walk.inputs(modulated, 'Multiply') as [Ref, Ref];
  const layer = {
    modulation: scaled(walk, style, `${name}.conv`),
    weight: walk.weight(weight, [512, 512, 3, 3]),
    noise,
    bias,
  };
  return { layer, input };
}

/**
 * Inverse of a one-level 2D wavelet transform, as `pytorch_wavelets` writes it: columns first joined by rows,
 * (LL r0 + LH r1) c0 + (HL r0 + HH r1) c1. Channels of the input: all LL, then (LH, HL, HH) of each output channel.
 */
function inverseWavelet(walk: Walk, ref: Ref): { input: Ref; wavelet: Wavelet } {
  const [left, right] = walk.inputs(ref, 'Add') as [Ref, Ref];
  const low = spread(walk, left, COLUMNS);
  const high = spread(walk, right, COLUMNS);
  const [ll, lh] = walk.inputs(low.input, 'Add').map((r) => spread(walk, r, ROWS)) as [Spread, Spread];
  const [hl, hh] = walk.inputs(high.input, 'Add').map((r) => spread(walk, r, ROWS)) as [Spread, Spread];
  const channels = walk.shape(ref)[1]!;
  const [input, axis, sizes] = walk.inputs(ll.input, 'VariadicSplit') as [Ref, Ref, Ref];
  walk.expect(axis, 1);
  walk.expect(sizes, channels, 3 * channels);
  if (walk.index(ll.input) !== 0) throw new Error('Expected LL in the first channels');
  [lh, hl, hh].forEach(({ input: band }, k) => {
    const [part, bandAxis] = walk.inputs(band, 'Squeeze') as [Ref, Ref];
    const [detail, splitAxis, splitSizes] = walk.inputs(part, 'VariadicSplit') as [Ref, Ref, Ref];
    walk.expect(bandAxis, 2);
    walk.expect(splitAxis, 2);
    walk.expect(splitSizes, 1, 1, 1);
    const [details, shape] = walk.inputs(detail, 'Reshape') as [Ref, Ref];
    walk.arithmetic(shape);
    const [dc, three] = walk.shape(detail).slice(1);
    const fits = dc === channels && three === 3 && walk.index(part) === k && details.layer === ll.input.layer;
    if (!fits || walk.index(details) !== 1)
      throw new Error(`Expected detail ${k} of the same ${channels} channels`);
  });
  const outer = (rows: readonly number[], columns: readonly number[]): number[] =>
    rows.flatMap((r) => columns.map((c) => Math.fround(r * c)));
  return {
    input,
    wavelet: [
      outer(ll.filter, low.filter),
      outer(lh.filter, low.filter),
      outer(hl.filter, high.filter),
      outer(hh.filter, high.filter),
    ],
  };
}

interface Spread {
  readonly input: Ref;
  readonly filter: readonly [number, number];
}

/** A transposed convolution with the same two taps for every channel. */
function spread(walk: Walk, ref: Ref, window: Readonly<Record<string, string>>): Spread {
  const [input, weight] = walk.inputs(ref, 'GroupConvolutionBackpropData', window) as [Ref, Ref];
  const taps = window === ROWS ? [2, 1] : [1, 2];
  const kernel = walk.weight(weight, [walk.shape(ref)[1]!, 1, 1, ...taps]);
  const [first, second] = numbersOf(kernel) as [number, number];
  if (numbersOf(kernel).some((x, i) => x !== (i % 2 ? second : first)) || sizeOf(kernel.shape) < 2) {
    throw new Error('Expected the same wavelet for all channels');
  }
  return { input, filter: [first, second] };
}
