/** Two latents to the distance of their images, as perceptual path length wants it. */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { averageOfUpsampling } from '../graph/passes/average-of-upsampling.js';
import { composePointwise } from '../graph/passes/compose-pointwise.js';
import { dropIdentities } from '../graph/passes/drop-identities.js';
import { mergeScales } from '../graph/passes/merge-scales.js';
import { poolEarly } from '../graph/passes/pool-early.js';
import { rewriteAll } from '../graph/passes/rewrite.js';
import { winograd } from '../graph/passes/winograd.js';
import { i64 } from '../graph/tensor.js';
import { features, reduceImage } from '../stylegan/loss.js';

export interface PplGraphOptions {
  /** Input `w` [2,L,512] (W+), output `image` [2,3,S,S] in -1..1. */
  synthesis: Graph;
  /** Input [2,3,s,s] in -1..1, outputs named as the perceptual layers; S is a multiple of s. */
  vgg: Graph;
}

/** All of them exact up to rounding. */
const PASSES = [dropIdentities, averageOfUpsampling, composePointwise, poolEarly, mergeScales, winograd];

/**
 * `w` [2,L,512] -> `distance` [1]: sum over the perceptual layers of ||A_i(G(w_0)) - A_i(G(w_1))||_2^2. Both images pass
 * through one run, and only their features are subtracted. Squares are summed axis by axis: one float32 sum of millions
 * of them loses three digits.
 */
export function pplGraph({ synthesis, vgg }: PplGraphOptions): Graph {
  const b = new GraphBuilder('ppl');
  const { shape } = synthesis.types.get('w')!;
  if (shape[0] !== 2) throw new Error(`Expected two latents but received [${shape}]`);
  const side = vgg.types.get(vgg.inputs[0]!)!.shape[2]!;
  const w = b.input('w', 'float32', shape);
  const full = b.inline(synthesis, new Map([['w', w]]), 'G.').get('image')!;
  const terms = features(b, vgg, reduceImage(b, full, side), 'A.').map((x) => squaredDifference(b, x));
  b.output(
    terms.reduce((sum, term) => b.op('Add', [sum, term])),
    'distance',
  );
  return rewriteAll(b.build(), PASSES);
}

/** ||x_0 - x_1||_2^2 of the two halves of [2,C,H,W]: [1]. */
function squaredDifference(b: GraphBuilder, x: Value): Value {
  const [first, second] = [0, 1].map((i) => b.op('Gather', [x, b.constant(i64([i]))], { axis: 0 }));
  const difference = b.op('Sub', [first!, second!]);
  const squares = b.op('Mul', [difference, difference]);
  return [3, 2, 1].reduce((sum, axis) => b.op('ReduceSum', [sum, b.ints([axis])], { keepdims: 0 }), squares);
}
