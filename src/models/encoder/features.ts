/** What the encoder looks at: activations of the perceptual net over a coarse grid, and a thumbnail. */
import { type VggWeights, vggStack } from '../convert/vgg16.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';
import { reduceImage } from '../stylegan/loss.js';

/** Side of the images that it takes. */
export const ENCODED_SIZE = 256;
/** Side at which the net looks: a quarter of the cost of 256, and photos differ less from samples there. */
const SIDE = 128;
/** Cells of the grid along either side. */
const GRID = 8;
const THUMBNAIL = 16;

/** A block of features: `channels` maps over `cells` places, channel by channel. */
export interface FeatureBlock {
  name: string;
  channels: number;
  cells: number;
}

/** Layers of VGG-16 after ReLU, by their index. */
const LAYERS = { conv3_2: 5, conv4_2: 8, conv5_2: 11 } as const;

const layer = (name: keyof typeof LAYERS, channels: number): FeatureBlock => ({
  name,
  channels,
  cells: GRID ** 2,
});

/** In the order in which they are computed and stored. */
export const FEATURE_BLOCKS: readonly FeatureBlock[] = [
  layer('conv3_2', 256),
  layer('conv4_2', 512),
  layer('conv5_2', 512),
  { name: 'thumbnail', channels: 3, cells: THUMBNAIL ** 2 },
];

/** The blocks of an image [1,3,256,256] -1..1, each [channels,cells]. */
export function featureBlocks(b: GraphBuilder, convs: VggWeights['convs'], image: Value): Value[] {
  const deepest = Math.max(...Object.values(LAYERS));
  const activations = vggStack(b, convs.slice(0, deepest + 1), 'vgg.')(reduceImage(b, image, SIDE), 'A.');
  const maps = Object.values(LAYERS).map((i) => reduceImage(b, activations[i]!, GRID));
  return [...maps, reduceImage(b, image, THUMBNAIL)].map((map, i) => {
    const { channels, cells } = FEATURE_BLOCKS[i]!;
    return b.op('Reshape', [map, b.ints([channels, cells])]);
  });
}
