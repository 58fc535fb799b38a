/** The paper's projection loss as graph nodes. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { prune } from '../graph/passes/rewrite.js';

/** VGG-16 activations of the paper, after ReLU: the four terms of the perceptual loss. */
export const PERCEPTUAL_LAYERS = ['conv1_1', 'conv1_2', 'conv3_2', 'conv4_2'] as const;
/** Embeddings of which LPIPS is the squared distance (see lpips.ts). */
const LPIPS_EMBEDDINGS = ['lpips1', 'lpips2', 'lpips3', 'lpips4', 'lpips5'] as const;

/** What the perceptual net has to give of an image: the terms of the paper first, then those of LPIPS if it joins them. */
export const featureNames = ({ lpips = false }: { lpips?: boolean | undefined }): readonly string[] =>
  lpips ? [...PERCEPTUAL_LAYERS, ...LPIPS_EMBEDDINGS] : PERCEPTUAL_LAYERS;

/**
 * Reduces an image [N,3,S,S] to [N,3,size,size]: to a whole fraction by averaging squares, to any other side by a triangle
 * kernel stretched over what one pixel stands for, as PyTorch's `interpolate(mode='bilinear', antialias=True)`.
 */
export function reduceImage(b: GraphBuilder, image: Value, size: number): Value {
  const [n, channels, side] = image.shape as [number, number, number];
  if (size > side) throw new Error(`Expected a side of at most ${side} but received ${size}`);
  const factor = side / size;
  if (factor === 1) return image;
  if (!Number.isInteger(factor)) {
    return b.op('Resize', [image, undefined, undefined, b.ints([n, channels, size, size])], {
      mode: 'linear',
      antialias: 1,
      coordinate_transformation_mode: 'half_pixel',
      exclude_outside: 1,
    });
  }
  const square = [factor, factor];
  return b.op('AveragePool', [image], { kernel_shape: square, strides: square });
}

/** Perceptual features of an image [N,3,size,size] in -1..1, one value for each name. */
export function features(
  b: GraphBuilder,
  vgg: Graph,
  image: Value,
  prefix: string,
  names: readonly string[] = PERCEPTUAL_LAYERS,
): Value[] {
  const missing = names.find((name) => !vgg.outputs.includes(name));
  if (missing) throw new Error(`The perceptual net has no output '${missing}'`);
  const outputs = b.inline(prune({ ...vgg, outputs: names }), new Map([[vgg.inputs[0]!, image]]), prefix);
  return names.map((name) => outputs.get(name)!);
}

/**
 * Un-squared L2 norm over everything but the batch: ||x||_2, [N]. Axis by axis: a float32 sum of millions of squares in
 * one go loses three digits.
 */
export const norm = (b: GraphBuilder, x: Value): Value =>
  [3, 2, 1].reduce((sum, axis) => b.op('ReduceL2', [sum, b.ints([axis])], { keepdims: 0 }), x);

/**
 * sum_i ||A_i(G(W)) - A_i(I)||_2 + pixelWeight ||G(W) - I||_2 (Celebrity and You Synthesis Generator, eq. 1):
 * one for each photo, [N]. `image` and `target` are [N,3,S,S] in -1..1, the feature lists those of the two,
 * `pixelWeight` [N].
 */
export function projectionLoss(
  b: GraphBuilder,
  image: Value,
  imageFeatures: readonly Value[],
  target: Value,
  targetFeatures: readonly Value[],
  pixelWeight: Value,
): Value {
  const terms = imageFeatures.map((a, i) => norm(b, b.op('Sub', [a, targetFeatures[i]!])));
  const pixel = b.op('Mul', [pixelWeight, norm(b, b.op('Sub', [image, target]))]);
  return [...terms, pixel].reduce((sum, term) => b.op('Add', [sum, term]));
}
