/** The projection as ONNX graphs: Adam steps on the W+ latents of a batch, each against its own photo. */
import { adamStep } from '../graph/adam.js';
import { GraphBuilder } from '../graph/builder.js';
import { gradients } from '../graph/gradient.js';
import type { Graph, Value } from '../graph/ir.js';
import { repeat } from '../graph/loop.js';
import { dotAsConvolution } from '../graph/passes/dot-as-convolution.js';
import { rewriteAll } from '../graph/passes/rewrite.js';
import { scaleWeights } from '../graph/passes/scale-weights.js';
import { winograd } from '../graph/passes/winograd.js';
import { f32, i64, sizeOf } from '../graph/tensor.js';
import { type ForwardOptions, forwardGraph, judgedSideOf } from './forward.js';
import { featureNames, features, reduceImage } from './loss.js';

export interface StepGraphOptions extends ForwardOptions {
  /**
   * Coordinates in which Adam moves: `w` [N,styles,512] -> `p` and back. Left out, it moves in W itself. `standard` is the
   * map to P_N, where the prior lies.
   */
  space?: { whitening: Graph; colouring: Graph; standard: Graph };
}

/**
 * Decay of Adam's moments in P_N: from a start that is near already, gradients change soon, and shorter memories follow
 * them (docs/decisions/0005). In W they are those of the paper, 0.9 and 0.999.
 */
const SHORT_MEMORY = { beta1: 0.8, beta2: 0.98 } as const;

/** Axes that stay open in the written loop: the number of steps is that of the learning rates given. */
export const LOOP_GRAPH_SYMBOLS = { learningRates: { 0: 'K' }, losses: { 0: 'K' } } as const;

/** Values of one step that stay the same from step to step. */
interface Given {
  /** The photo at the judged side, its features and the weight of the pixel term [N]. */
  bindings: Map<string, Value>;
  /** Weights [N] of the prior and, where LPIPS joins the loss, of it. */
  prior: Value;
  lpipsWeight: Value | undefined;
}

interface Shapes {
  n: number;
  image: number[];
  latent: number[];
}

function shapesOf({ synthesis, size, styles }: StepGraphOptions): Shapes {
  const [n, , dim] = synthesis.types.get('w')!.shape as [number, number, number];
  return { n, image: [n, 3, size, size], latent: [n, styles, dim] };
}

/** One Adam step. `rate` and `t` (steps counted from 1) are [N]. */
function step(
  b: GraphBuilder,
  options: StepGraphOptions,
  forward: Graph,
  { bindings, prior, lpipsWeight }: Given,
  [x, m, v]: readonly [Value, Value, Value],
  { rate, t }: { rate: Value; t: Value },
) {
  const latent = options.space ? inSpace(b, options.space.colouring, x, 'step.toW.') : x;
  const position = options.space ? inSpace(b, options.space.standard, latent, 'step.toP.') : x;
  const outputs = b.inline(forward, new Map([...bindings, ['latent', latent]]), 'step.');
  const losses = outputs.get('losses')!;
  const terms = [losses, penalty(b, position, prior)];
  if (lpipsWeight) terms.push(b.op('Mul', [lpipsWeight, outputs.get('lpips')!]));
  const each = terms.reduce((sum, term) => b.op('Add', [sum, term]));
  const objective = b.op('ReduceSum', [each], { keepdims: 0 });
  const [grad] = gradients(b, objective, [x]);
  const column = (perPhoto: Value) => b.op('Reshape', [perPhoto, b.ints([x.shape[0]!, 1, 1])]);
  const next = adamStep(b, { x, m, v }, grad!, column(rate), column(t), options.space && SHORT_MEMORY);
  return { ...next, losses, image: outputs.get('image')! };
}

/** prior mean(x^2) for each photo, [N]: in P_N the squared distance from the generator's mean, per coordinate. */
function penalty(b: GraphBuilder, x: Value, prior: Value): Value {
  const mean = b.op('ReduceMean', [b.op('Mul', [x, x]), b.ints([1, 2])], { keepdims: 0 });
  return b.op('Mul', [prior, mean]);
}

/** Runs a map between W and P_N on a batch: its maps take one image at a time, but any number of styles. */
function inSpace(b: GraphBuilder, map: Graph, latent: Value, prefix: string): Value {
  const [from, to] = [map.inputs[0]!, map.outputs[0]!];
  const rows = b.op('Reshape', [latent, b.ints(map.types.get(from)!.shape)]);
  return b.op('Reshape', [b.inline(map, new Map([[from, rows]]), prefix).get(to)!, b.ints(latent.shape)]);
}

/**
 * What the steps look at, computed once for each photo. Input `target` [N,3,S,S]; outputs `photo` [N,3,s,s] and
 * `feature0`.. , named as the step takes them.
 */
export function targetGraph({ vgg, size, lpips }: Pick<ForwardOptions, 'vgg' | 'size' | 'lpips'>): Graph {
  const b = new GraphBuilder('target');
  const n = vgg.types.get(vgg.inputs[0]!)!.shape[0]!;
  const target = b.input('target', 'float32', [n, 3, size, size]);
  const photo = reduceImage(b, target, judgedSideOf({ vgg }));
  b.output(photo, 'photo');
  for (const [i, feature] of features(b, vgg, photo, '', featureNames({ lpips })).entries())
    b.output(feature, `feature${i}`);
  return b.build();
}

/**
 * One step as a plain graph, the faster form on the CPU: its runtime blocks the layout of convolutions whose weights
 * stand in the same graph, and not those in a `Loop`. Inputs `photo`, `feature0`.. as from `targetGraph`; `x`
 * [N,styles,512] in the coordinates of Adam, its `m` and `v`; `step` (steps taken), `learningRate`, `pixelWeight`,
 * `prior` and, where LPIPS joins the loss, `lpipsWeight`, all [N]. Outputs `xOut`, `mOut`, `vOut`, `latentOut` (in W), `losses` [N] before the step and `preview`
 * [N,3,S,S], the image before it.
 */
export function stepGraph(options: StepGraphOptions): Graph {
  const b = new GraphBuilder('step');
  const { n, latent } = shapesOf(options);
  const forward = forwardGraph(options);
  const state = (['x', 'm', 'v'] as const).map((name) => b.input(name, 'float32', latent));
  const [taken, rate, prior] = ['step', 'learningRate', 'prior'].map((name) => b.input(name, 'float32', [n]));
  const bindings = new Map(
    ['pixelWeight', 'photo', ...featureNames(options).map((_, i) => `feature${i}`)].map((name) => [
      name,
      b.input(name, 'float32', forward.types.get(name)!.shape),
    ]),
  );
  const t = b.op('Add', [taken!, b.scalar(1)]);
  const lpipsWeight = options.lpips ? b.input('lpipsWeight', 'float32', [n]) : undefined;
  const next = step(
    b,
    options,
    forward,
    { bindings, prior: prior!, lpipsWeight },
    state as [Value, Value, Value],
    {
      rate: rate!,
      t,
    },
  );
  b.output(next.x, 'xOut');
  b.output(next.m, 'mOut');
  b.output(next.v, 'vOut');
  b.output(options.space ? inSpace(b, options.space.colouring, next.x, 'out.') : next.x, 'latentOut');
  b.output(next.losses, 'losses');
  b.output(next.image, 'preview');
  return rewriteAll(b.build(), [winograd, dotAsConvolution, scaleWeights]);
}

/**
 * K steps as one `Loop`, for devices whose memory the host does not see: nothing leaves them in between. Inputs
 * `target` [N,3,S,S], `latent` [N,styles,512] in W, `m`, `v`, `step` [N], `learningRates` [K,N], `pixelWeight` [N],
 * `prior` [N] and, where LPIPS joins the loss, `lpipsWeight` [N]. Outputs `latentOut` in W, `mOut`, `vOut`, `losses` [K,N] (each before its step) and `preview` [N,3,S,S]
 * (the image before the last step). Features of the photos are computed once per run, outside the loop.
 */
export function loopGraph(options: StepGraphOptions): Graph {
  const { space } = options;
  const b = new GraphBuilder('projection');
  const { n, image, latent } = shapesOf(options);
  const photo = b.input('target', 'float32', image);
  const state = (['latent', 'm', 'v'] as const).map((name) => b.input(name, 'float32', latent));
  const taken = b.input('step', 'float32', [n]);
  const rates = b.input('learningRates', 'float32', [1, n]);
  const pixelWeight = b.input('pixelWeight', 'float32', [n]);
  const prior = b.input('prior', 'float32', [n]);
  const lpipsWeight = options.lpips ? b.input('lpipsWeight', 'float32', [n]) : undefined;
  const forward = forwardGraph(options);
  const bindings = b.inline(targetGraph(options), new Map([['target', photo]]), 'I.');
  bindings.set('pixelWeight', pixelWeight);
  const blank = b.constant(f32(new Float32Array(sizeOf(image)), image), 'blank');
  const count = b.op('Gather', [b.op('Shape', [rates]), b.constant(i64([0], []))], { axis: 0 });
  const [w, ...moments] = state as [Value, Value, Value];
  const start = space ? inSpace(b, space.whitening, w, 'toP.') : w;
  const result = repeat(b, count, [start, ...moments, blank], (body, i, [x, m, v]) => {
    const rate = body.op('Gather', [rates, i], { axis: 0 });
    const done = body.op('Add', [taken, body.op('Cast', [i], { to: 1 })]);
    const t = body.op('Add', [done, body.scalar(1)]);
    const next = step(body, options, forward, { bindings, prior, lpipsWeight }, [x!, m!, v!], { rate, t });
    return { state: [next.x, next.m, next.v, next.image], collect: [next.losses] };
  });
  const [x, m, v, preview] = result.state as [Value, Value, Value, Value];
  b.output(space ? inSpace(b, space.colouring, x, 'toW.') : x, 'latentOut');
  b.output(m, 'mOut');
  b.output(v, 'vOut');
  b.output(result.collect[0]!, 'losses');
  b.output(preview, 'preview');
  return b.build();
}
