/**
 * What the encoder is fitted on: latents of the generator, and the images that it draws of them.
 *
 * Photos are not drawn from W: their best latent has styles that no single w has. So most samples cross styles as style
 * mixing does, and each part of the layers learns to be read from what it shows in the image; the others are plain, from
 * which the fit learns how the parts usually go together.
 */
import { GraphBuilder } from '../src/models/graph/builder.js';
import type { Graph } from '../src/models/graph/ir.js';
import { averageOfUpsampling } from '../src/models/graph/passes/average-of-upsampling.js';
import { composePointwise } from '../src/models/graph/passes/compose-pointwise.js';
import { mergeScales } from '../src/models/graph/passes/merge-scales.js';
import { poolEarly } from '../src/models/graph/passes/pool-early.js';
import { rewriteAll } from '../src/models/graph/passes/rewrite.js';
import { normalFrom, uniformFrom } from '../src/models/random.js';
import { reduceImage } from '../src/models/stylegan/loss.js';

/** Share of samples whose styles differ. */
const MIXED = 0.7;
const MAX_CUTS = 3;
/** One z for all layers, and one for each part between cuts. */
export const SOURCES = MAX_CUTS + 2;

/** How one sample is made. */
export interface SamplePlan {
  /** Normal z [SOURCES, dim], flat. */
  z: Float32Array;
  /** Weights [styles, SOURCES], flat: each row a unit vector, so that in P_N a mixed style is as normal as a plain one. */
  mix: Float32Array;
}

/**
 * Plan of sample `index` of a seed. A mixed one is cut at one to three places; in each part every style is
 * cos(t) p_0 + sin(t) p_part in P_N with an angle t of its own between 0 and 90 degrees.
 */
export function planSample(seed: number, index: number, styles: number, dim: number): SamplePlan {
  // Apart by an odd constant: streams of neighbouring seeds and samples share no start.
  const own = Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  const normal = normalFrom(own);
  const uniform = uniformFrom(own ^ 0x55555555);
  const z = Float32Array.from({ length: SOURCES * dim }, normal);
  const mix = new Float32Array(styles * SOURCES);
  const cuts = uniform() < MIXED ? 1 + Math.floor(MAX_CUTS * uniform()) : 0;
  const starts = new Set(Array.from({ length: cuts }, () => 1 + Math.floor((styles - 1) * uniform())));
  const angles = Array.from({ length: SOURCES }, () => (uniform() * Math.PI) / 2);
  let part = 1;
  for (let style = 0; style < styles; style++) {
    if (starts.has(style)) part++;
    const t = cuts === 0 ? 0 : angles[part]!;
    mix[style * SOURCES] = Math.cos(t);
    mix[style * SOURCES + part] = Math.sin(t);
  }
  return { z, mix };
}

export interface SampleModels {
  /** `z` [SOURCES,dim] -> `w`. */
  mapping: Graph;
  /** `w` [1,SOURCES,dim] -> `p`. */
  whitening: Graph;
  /** `p` [1,styles,dim] -> `w`. */
  colouring: Graph;
}

/** `z` [SOURCES,dim] and `mix` [styles,SOURCES] -> `p` and `w` [1,styles,dim]. */
export function latentGraph({ mapping, whitening, colouring }: SampleModels): Graph {
  const b = new GraphBuilder('latents');
  const [, styles, dim] = colouring.types.get('p')!.shape as [number, number, number];
  const z = b.input('z', 'float32', [SOURCES, dim]);
  const mix = b.input('mix', 'float32', [styles, SOURCES]);
  const mapped = b.inline(mapping, new Map([['z', z]]), 'map.').get('w')!;
  const rows = b.op('Reshape', [mapped, b.ints([1, SOURCES, dim])]);
  const white = b.inline(whitening, new Map([['w', rows]]), 'white.').get('p')!;
  const p = b.op('MatMul', [mix, white]);
  b.output(b.inline(colouring, new Map([['p', p]]), 'colour.').get('w')!, 'w');
  b.output(p, 'p');
  return b.build();
}

/** Synthesis and reduction in one, without what nobody sees at that size: `w` [1,styles,dim] -> `image` [1,3,size,size]. */
export function renderGraph(synthesis: Graph, size: number): Graph {
  const b = new GraphBuilder('render');
  const w = b.input('w', 'float32', synthesis.types.get('w')!.shape);
  const image = b.inline(synthesis, new Map([['w', w]]), 'G.').get('image')!;
  b.output(reduceImage(b, image, size), 'image');
  return rewriteAll(b.build(), [averageOfUpsampling, composePointwise, poolEarly, mergeScales]);
}
