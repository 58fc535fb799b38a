/** LPIPS as graph nodes: learned perceptual distance of the activations of two images. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';
import { f32, type Tensor } from '../graph/tensor.js';

/** Keeps the length of a column of zeros differentiable; beside others, which are of the order of 1, it is nothing. */
const LEAST_SQUARE = 1e-10;

/**
 * Activations [N,C,h,w] of one stage -> [N,C,h,w], in which LPIPS is a squared distance: sqrt(head) unit(x), the unit length
 * being that over channels. `head` [1,C,1,1] are the weights of the channels, none of them negative.
 */
export function lpipsEmbedding(b: GraphBuilder, x: Value, head: Tensor): Value {
  const roots = b.constant(f32((head.data as Float32Array).map(Math.sqrt), head.shape));
  const squares = b.op('ReduceSum', [b.op('Mul', [x, x]), b.ints([1])], { keepdims: 1 });
  const length = b.op('Sqrt', [b.op('Add', [squares, b.scalar(LEAST_SQUARE)])]);
  return b.op('Mul', [b.op('Div', [x, length]), roots]);
}

/**
 * sum over stages of the mean over places of head . (unit(a) - unit(b))^2: [N] (Zhang et al. 2018, arXiv:1801.03924,
 * eq. 1, version 0.1), of the embeddings of two images.
 */
export function lpips(b: GraphBuilder, as: readonly Value[], bs: readonly Value[]): Value {
  const terms = as.map((a, i) => {
    const difference = b.op('Sub', [a, bs[i]!]);
    const overChannels = b.op('ReduceSumSquare', [difference, b.ints([1])], { keepdims: 0 });
    return b.op('ReduceMean', [overChannels, b.ints([1, 2])], { keepdims: 0 });
  });
  return terms.reduce((sum, term) => b.op('Add', [sum, term]));
}
