/**
 * One step of fitting the image heads by gradient: a sample is rendered in full, and every head's weights move to draw
 * it, reduced, as the full render does.
 *
 * Each weight is q0 + s d: q0 is the generator's, s the mean size of the tensor's entries, so that one rate moves all of
 * them by the same share. Adam moves d.
 */
import { adamStep } from '../src/models/graph/adam.js';
import { GraphBuilder } from '../src/models/graph/builder.js';
import { coarsen, weightsAsInputs } from '../src/models/graph/coarsen.js';
import { gradients } from '../src/models/graph/gradient.js';
import type { Graph, Value } from '../src/models/graph/ir.js';
import { f32, numbersOf, sizeOf, type Tensor } from '../src/models/graph/tensor.js';
import type { HeadWeights } from '../src/models/heads/weights.js';
import { reduceImage } from '../src/models/stylegan/loss.js';

/** Weight of differences between neighbours beside the pixels themselves: edges are what the eye and LPIPS look at. */
const EDGES = 2;
/** Below its root an error counts by its square, above by its size: outliers, as in hair, do not rule the fit. */
const LEAST_SQUARE = 1e-4;

export interface HeadPlan {
  side: number;
  graph: Graph;
  /** The generator's weights, made for larger images. */
  start: HeadWeights;
}

/** The heads for images of these sides, as they are before the fit. */
export const planHeads = (synthesis: Graph, sides: readonly number[]): HeadPlan[] =>
  sides.map((side) => {
    const { graph, weights } = coarsen(synthesis, side);
    return { side, graph, start: new Map(weights.map((name) => [name, graph.constants.get(name)!])) };
  });

/** Length of the vector of all d. */
export const lengthOf = (plans: readonly HeadPlan[]): number =>
  plans.reduce((sum, { start }) => sum + [...start.values()].reduce((n, { shape }) => n + sizeOf(shape), 0), 0);

/** The weights that a vector of all d stands for. */
export function weightsOf({ start }: HeadPlan, d: Float32Array): HeadWeights {
  let at = 0;
  return new Map(
    [...start].map(([name, tensor]) => {
      const [from, scale] = [at, sizeOfEntries(tensor)];
      at += sizeOf(tensor.shape);
      return [name, f32(numbersOf(tensor).map((q, i) => q + scale * d[from + i]!), tensor.shape)];
    }),
  );
}

/** `w`, `d`, `m`, `v` [K] flat, `lr`, `t` -> `d`, `m`, `v` after a step of Adam, and the `losses` [heads] before it. */
export function headStepGraph(synthesis: Graph, plans: readonly HeadPlan[]): Graph {
  const b = new GraphBuilder('heads');
  const w = b.input('w', 'float32', synthesis.types.get('w')!.shape);
  const [d, m, v] = ['d', 'm', 'v'].map((name) => b.input(name, 'float32', [lengthOf(plans)])) as [Value, Value, Value];
  const [lr, t] = ['lr', 't'].map((name) => b.input(name, 'float32', [])) as [Value, Value];
  const image = b.inline(synthesis, new Map([['w', w]]), 'G.').get('image')!;
  let at = 0;
  const losses = plans.map(({ side, graph, start }) => {
    const bindings = new Map([['w', w]]);
    for (const [name, tensor] of start) {
      const length = sizeOf(tensor.shape);
      const part = b.op('Slice', [d, b.ints([at]), b.ints([at + length]), b.ints([0])]);
      const moved = b.op('Mul', [b.op('Reshape', [part, b.ints(tensor.shape)]), b.scalar(sizeOfEntries(tensor))]);
      bindings.set(name, b.op('Add', [b.constant(tensor), moved]));
      at += length;
    }
    const head = weightsAsInputs(graph, [...start.keys()]);
    const drawn = b.inline(head, bindings, `head${side}.`).get('image')!;
    return lossOf(b, drawn, reduceImage(b, image, side));
  });
  const sum = losses.reduce((all, loss) => b.op('Add', [all, loss]));
  const stepped = adamStep(b, { x: d, m, v }, gradients(b, sum, [d])[0]!, lr, t, { beta2: 0.99 });
  b.output(stepped.x, 'd1');
  b.output(stepped.m, 'm1');
  b.output(stepped.v, 'v1');
  const each = losses.map((loss) => b.op('Reshape', [loss, b.ints([1])]));
  b.output(b.op('Concat', each, { axis: 0 }), 'losses');
  return b.build();
}

/** Mean of sqrt(e^2 + eps) over e = error, and its differences to the right and downwards. */
function lossOf(b: GraphBuilder, image: Value, target: Value): Value {
  const taps = [
    [1, 0, 0, 0],
    [-EDGES, EDGES, 0, 0],
    [-EDGES, 0, EDGES, 0],
  ];
  const kernels = b.constant(f32([taps, taps, taps].flat(2), [9, 1, 2, 2]));
  const errors = b.op('Conv', [b.op('Sub', [image, target]), kernels], { kernel_shape: [2, 2], group: 3 });
  const sizes = b.op('Sqrt', [b.op('Add', [b.op('Mul', [errors, errors]), b.scalar(LEAST_SQUARE)])]);
  return b.op('ReduceMean', [sizes, b.ints([0, 1, 2, 3])], { keepdims: 0 });
}

function sizeOfEntries(tensor: Tensor): number {
  const all = numbersOf(tensor);
  return Math.fround(all.reduce((sum, x) => sum + Math.abs(x), 0) / all.length);
}
