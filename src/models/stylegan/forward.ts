/** Latent to loss, for every photo of a batch: what the projection differentiates. */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { averageOfUpsampling } from '../graph/passes/average-of-upsampling.js';
import { composePointwise } from '../graph/passes/compose-pointwise.js';
import { dropIdentities } from '../graph/passes/drop-identities.js';
import { mergeScales } from '../graph/passes/merge-scales.js';
import { poolEarly } from '../graph/passes/pool-early.js';
import { rewriteAll } from '../graph/passes/rewrite.js';
import { absorbScalar, steepActivations } from '../graph/passes/steep-activations.js';
import { i64 } from '../graph/tensor.js';
import { featureNames, features, PERCEPTUAL_LAYERS, projectionLoss, reduceImage } from './loss.js';
import { lpips as lpipsDistance } from './lpips.js';

export interface ForwardOptions {
  /** Input `w` [N,L,512] (W+), output `image` [N,3,S,S] in -1..1. */
  synthesis: Graph;
  /**
   * Input [N,3,s,s] in -1..1, outputs named as the perceptual layers. Photo and image are reduced to its side s: at half
   * the side a step costs about half, and the loss sees what matters first.
   */
  vgg: Graph;
  /** Side of the target and of the preview: s or a multiple of it. */
  size: number;
  /** Number of free style vectors: a divisor of L; each drives L / styles consecutive layers. */
  styles: number;
  /** LPIPS is measured too, to join the loss. */
  lpips?: boolean | undefined;
  /** The graph will run in half precision, whose range holds no steep activations. */
  half?: boolean | undefined;
}

/** What makes the forward graph cheaper, and its gradient with it; every one of them exact. */
const PASSES = [
  dropIdentities,
  averageOfUpsampling,
  composePointwise,
  poolEarly,
  mergeScales,
  steepActivations,
  absorbScalar,
];

/** Side s at which the perceptual net judges. */
export const judgedSideOf = ({ vgg }: Pick<ForwardOptions, 'vgg'>): number =>
  vgg.types.get(vgg.inputs[0]!)!.shape[2]!;

/** [N,styles,512] -> [N,L,512]: every style vector repeated for its group of layers. */
export function untie(b: GraphBuilder, latent: Value, layers: number): Value {
  const styles = latent.shape[1]!;
  if (layers % styles !== 0)
    throw new Error(`Expected a number of styles that divides ${layers} but received ${styles}`);
  if (styles === layers) return latent;
  const group = layers / styles;
  const index = i64(Array.from({ length: layers }, (_, i) => Math.floor(i / group)));
  return b.op('Gather', [latent, b.constant(index)], { axis: 1 });
}

/**
 * Generator, reduction, perceptual net and loss, simplified: inputs `latent` [N,styles,512], `photo` [N,3,s,s],
 * `pixelWeight` [N] and `feature0`.. (those of the photo), outputs `image` [N,3,size,size], `losses` [N] and, where it is asked
 * for, `lpips` [N].
 */
export function forwardGraph({ synthesis, vgg, size, styles, lpips, half }: ForwardOptions): Graph {
  const b = new GraphBuilder('forward');
  const [n, layers, dim] = synthesis.types.get('w')!.shape as [number, number, number];
  const side = judgedSideOf({ vgg });
  const latent = b.input('latent', 'float32', [n, styles, dim]);
  const photo = b.input('photo', 'float32', [n, 3, side, side]);
  const pixelWeight = b.input('pixelWeight', 'float32', [n]);
  const names = featureNames({ lpips });
  const photoFeatures = names.map((name, i) => {
    const { dtype, shape } = vgg.types.get(name)!;
    return b.input(`feature${i}`, dtype, shape);
  });
  const full = b.inline(synthesis, new Map([['w', untie(b, latent, layers)]]), 'G.').get('image')!;
  const preview = reduceImage(b, full, size);
  const image = reduceImage(b, preview, side);
  const imageFeatures = features(b, vgg, image, 'A.', names);
  const ofPaper = (all: readonly Value[]) => all.slice(0, PERCEPTUAL_LAYERS.length);
  const ofLpips = (all: readonly Value[]) => all.slice(PERCEPTUAL_LAYERS.length);
  const losses = projectionLoss(b, image, ofPaper(imageFeatures), photo, ofPaper(photoFeatures), pixelWeight);
  b.output(preview, 'image');
  // A norm grows with the root of the number of elements: at another side it is put on the scale of the full one.
  b.output(side === size ? losses : b.op('Mul', [losses, b.scalar(size / side)]), 'losses');
  if (lpips) b.output(lpipsDistance(b, ofLpips(imageFeatures), ofLpips(photoFeatures)), 'lpips');
  return rewriteAll(
    b.build(),
    PASSES.filter((rule) => !half || rule !== steepActivations),
  );
}
