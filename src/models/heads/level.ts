/** The synthesis of a smaller image: what would be larger is computed coarsely, with fitted weights (graph/coarsen.ts). */
import { coarsen, withWeights } from '../graph/coarsen.js';
import type { Graph } from '../graph/ir.js';
import { composePointwise } from '../graph/passes/compose-pointwise.js';
import { mergeScales } from '../graph/passes/merge-scales.js';
import { rewriteAll } from '../graph/passes/rewrite.js';
import { scaleWeights } from '../graph/passes/scale-weights.js';
import { verify } from '../graph/verify.js';
import type { HeadWeights } from './weights.js';

const NONE: HeadWeights = new Map();
/** All exact. The three channels of the head alone would cost a new layout of all that it reads: hence scale-weights. */
const PASSES = [composePointwise, mergeScales, scaleWeights];

/** `w` -> `image` [N,3,side,side], in place of the whole image and a mean over its squares. */
export function levelGraph(synthesis: Graph, side: number, weights: HeadWeights = NONE): Graph {
  const { graph } = coarsen(synthesis, side);
  return verify(rewriteAll(withWeights(graph, weights), PASSES));
}
