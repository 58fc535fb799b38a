/** LPIPS as graph nodes: learned perceptual distance of the activations of two images. */
import type { GraphBuilder } from '../graph/builder.js';
import type { Value } from '../graph/ir.js';

/** One stage: activations [N,C,h,w] of the two images, and the weight [1,C,1,1] of each channel. */
export interface LpipsStage {
  a: Value;
  b: Value;
  head: Value;
}

/**
 * sum over stages of the mean over places of head . (unit(a) - unit(b))^2: [N] (Zhang et al. 2018, arXiv:1801.03924,
 * eq. 1, version 0.1).
 */
export function lpips(builder: GraphBuilder, stages: readonly LpipsStage[]): Value {
  const terms = stages.map(({ a, b, head }) => {
    const difference = builder.op('Sub', [unit(builder, a), unit(builder, b)]);
    const squares = builder.op('Mul', [difference, difference]);
    const weighted = builder.op('Conv', [squares, head], { kernel_shape: [1, 1] });
    return builder.op('ReduceMean', [weighted, builder.ints([1, 2, 3])], { keepdims: 0 });
  });
  return terms.reduce((sum, term) => builder.op('Add', [sum, term]));
}

/** x / (||x||_2 over channels + 1e-10) */
function unit(b: GraphBuilder, x: Value): Value {
  const norm = b.op('Sqrt', [b.op('ReduceSum', [b.op('Mul', [x, x]), b.ints([1])], { keepdims: 1 })]);
  return b.op('Div', [x, b.op('Add', [norm, b.scalar(1e-10)])]);
}
