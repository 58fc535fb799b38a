/** The projection as one ONNX graph: K Adam steps on a W+ latent against one target photo. */
import { adamStep } from '../graph/adam.js';
import { GraphBuilder } from '../graph/builder.js';
import { gradients } from '../graph/gradient.js';
import type { Graph, Value } from '../graph/ir.js';
import { repeat } from '../graph/loop.js';
import { averageOfUpsampling } from '../graph/passes/average-of-upsampling.js';
import { composePointwise } from '../graph/passes/compose-pointwise.js';
import { dropIdentities } from '../graph/passes/drop-identities.js';
import { rewrite } from '../graph/passes/rewrite.js';
import { f32, i64, sizeOf } from '../graph/tensor.js';
import { features, PERCEPTUAL_LAYERS, projectionLoss, reduceImage } from './loss.js';

export interface StepGraphOptions {
  /** Input `w` [1,L,512] (W+), output `image` [1,3,S,S] in -1..1. */
  synthesis: Graph;
  /**
   * Input [1,3,s,s] in -1..1, outputs named as the perceptual layers. Photo and image are reduced to its side s: at half
   * the side a step costs about half, and the loss sees what matters first.
   */
  vgg: Graph;
  /** Side of the target and of the preview: s or a multiple of it. */
  size: number;
  /** Coordinates in which Adam moves: `w` [1,styles,512] -> `p` and back. Left out, it moves in W itself. */
  space?: { whitening: Graph; colouring: Graph };
  /** Number of free style vectors: a divisor of L; each drives L / styles consecutive layers. */
  styles: number;
}

/** Axes that stay open in the written file: the number of steps is that of the learning rates given. */
export const STEP_GRAPH_SYMBOLS = { learningRates: { 0: 'K' }, losses: { 0: 'K' } } as const;

/** [1,styles,512] -> [1,L,512]: every style vector repeated for its group of layers. */
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
 * Generator, reduction, perceptual net and loss of one latent, simplified: inputs `latent`, `target`, `pixelWeight` and
 * `feature0`.. (those of the target), outputs `image` (reduced to `size`) and `loss`.
 */
function forwardGraph({ synthesis, vgg, size, styles }: StepGraphOptions): Graph {
  const b = new GraphBuilder('forward');
  const [, layers, dim] = synthesis.types.get('w')!.shape as [number, number, number];
  const latent = b.input('latent', 'float32', [1, styles, dim]);
  const target = b.input('target', 'float32', vgg.types.get(vgg.inputs[0]!)!.shape);
  const side = target.shape[2]!;
  const pixelWeight = b.input('pixelWeight', 'float32', []);
  const targetFeatures = PERCEPTUAL_LAYERS.map((layer, i) => {
    const { dtype, shape } = vgg.types.get(layer)!;
    return b.input(`feature${i}`, dtype, shape);
  });
  const full = b.inline(synthesis, new Map([['w', untie(b, latent, layers)]]), 'G.').get('image')!;
  const preview = reduceImage(b, full, size);
  const image = reduceImage(b, preview, side);
  const imageFeatures = features(b, vgg, image, 'A.');
  const loss = projectionLoss(b, image, imageFeatures, target, targetFeatures, pixelWeight);
  b.output(preview, 'image');
  // A norm grows with the root of the number of elements: at another side it is put on the scale of the full one.
  b.output(side === size ? loss : b.op('Mul', [loss, b.scalar(size / side)]), 'loss');
  return [dropIdentities, averageOfUpsampling, composePointwise].reduce(
    (graph, rule) => rewrite(graph, rule).graph,
    b.build(),
  );
}

/**
 * Inputs: `target` [1,3,S,S], `latent` [1,styles,512] in W, Adam's `m`, `v` (of its coordinates in `space`), `step` [] (steps already taken), `learningRates` [K],
 * `pixelWeight` []. Outputs: `latentOut`, `mOut`, `vOut`, `losses` [K] (each before its step), `preview` [1,3,S,S]
 * (the image before the last step). Features of the target are computed once per run, outside the loop.
 */
export function stepGraph(options: StepGraphOptions): Graph {
  const { space } = options;
  const b = new GraphBuilder('projection');
  const imageShape = [1, 3, options.size, options.size];
  const side = options.vgg.types.get(options.vgg.inputs[0]!)!.shape[2]!;
  const latentShape = [1, options.styles, options.synthesis.types.get('w')!.shape[2]!];
  const photo = b.input('target', 'float32', imageShape);
  const state = (['latent', 'm', 'v'] as const).map((name) => b.input(name, 'float32', latentShape));
  const step = b.input('step', 'float32', []);
  const rates = b.input('learningRates', 'float32', [1]);
  const pixelWeight = b.input('pixelWeight', 'float32', []);
  const forward = forwardGraph(options);
  const image = reduceImage(b, photo, side);
  const given = new Map([
    ['target', image],
    ['pixelWeight', pixelWeight],
  ]);
  for (const [i, feature] of features(b, options.vgg, image, 'I.').entries())
    given.set(`feature${i}`, feature);
  const blank = b.constant(f32(new Float32Array(sizeOf(imageShape)), imageShape), 'blank');
  const count = b.op('Reshape', [b.op('Shape', [rates]), b.constant(i64([], [0]))]);

  const toSpace = (w: Value) =>
    space ? b.inline(space.whitening, new Map([['w', w]]), 'toP.').get('p')! : w;
  const toW = (at: GraphBuilder, x: Value, prefix: string) =>
    space ? at.inline(space.colouring, new Map([['p', x]]), prefix).get('w')! : x;

  const [w, ...moments] = state as [Value, Value, Value];
  const result = repeat(b, count, [toSpace(w), ...moments, blank], (body, i, [x, m, v]) => {
    const bindings = new Map([...given, ['latent', toW(body, x!, 'body.toW.')]]);
    const outputs = body.inline(forward, bindings, 'body.');
    const loss = outputs.get('loss')!;
    const [grad] = gradients(body, loss, [x!]);
    const rate = body.op('Gather', [rates, i], { axis: 0 });
    const done = body.op('Add', [step, body.op('Cast', [i], { to: 1 })]);
    const t = body.op('Add', [done, body.scalar(1)]);
    const next = adamStep(body, { x: x!, m: m!, v: v! }, grad!, rate, t);
    return { state: [next.x, next.m, next.v, outputs.get('image')!], collect: [loss] };
  });
  const [x, m, v, preview] = result.state as [Value, Value, Value, Value];
  b.output(toW(b, x, 'toW.'), 'latentOut');
  b.output(m, 'mOut');
  b.output(v, 'vOut');
  b.output(result.collect[0]!, 'losses');
  b.output(preview, 'preview');
  return b.build();
}
