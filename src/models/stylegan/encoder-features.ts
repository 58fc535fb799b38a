/** What the encoder looks at: activations of the perceptual net over a coarse grid, and a thumbnail. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { prune } from '../graph/passes/rewrite.js';
import { reduceImage } from './loss.js';

/** Side at which the net looks: a quarter of the cost of 256, and photos differ less from samples there. */
const SIDE = 128;
/** Cells of the grid along either side. */
export const GRID = 8;
const THUMBNAIL = 16;

/** Layers of VGG-16, after ReLU. */
export const ENCODER_LAYERS = ['conv3_2', 'conv4_2', 'conv5_2'] as const;

/** A block of features: `channels` maps over `cells` places, channel by channel. */
export interface FeatureBlock {
  name: string;
  channels: number;
  cells: number;
}

/**
 * Feature blocks of an image [1,3,size,size] -1..1, each [channels,cells]. `lpips` is the graph of lpips.onnx for
 * 128 px, which holds all layers; its first branch is taken.
 */
export function featureBlocks(
  b: GraphBuilder,
  lpips: Graph,
  image: Value,
): (FeatureBlock & { value: Value })[] {
  const small = reduceImage(b, image, SIDE);
  const outputs = ENCODER_LAYERS.map((layer) => `a.${layer}`);
  const net = prune({ ...lpips, inputs: ['a'], outputs });
  const activations = b.inline(net, new Map([['a', small]]), 'A.');
  const pooled = outputs.map((name) => reduceImage(b, activations.get(name)!, GRID));
  const thumbnail = reduceImage(b, image, THUMBNAIL);
  return [...ENCODER_LAYERS, 'thumbnail'].map((name, i) => {
    const map = pooled[i] ?? thumbnail;
    const channels = map.shape[1]!;
    const cells = map.shape[2]! ** 2;
    return { name, channels, cells, value: b.op('Reshape', [map, b.ints([channels, cells])]) };
  });
}
