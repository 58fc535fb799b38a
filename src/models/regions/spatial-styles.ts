/**
 * The synthesis of two latents at once, each in its own places (Suzuki et al. 2018, Spatially Controllable Image Synthesis
 * with Internal Representation Collaging, section 3.1, here for the modulation of a styled convolution):
 *
 * x s(w)  ->  x ((1 - m) s(w_a) + m s(w_b))
 *
 * m is the weight of b, 0..1, at every place of the layer, and differs by style. There is one stream of features: what the
 * styles of a placed stays where a has it, and takes the look that b's styles give to it.
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Node, Value } from '../graph/ir.js';
import { prune } from '../graph/passes/rewrite.js';
import { numbersOf } from '../graph/tensor.js';
import { MASK_SIDE } from './map.js';

/**
 * `w` [2,L,dim] (a, then b) and `mask` [L,MASK_SIDE,MASK_SIDE] -> `image` [1,3,S,S]. `synthesis` is read for a batch of 2.
 * Throws when a style of it feeds no product.
 */
export function spatialStyles(synthesis: Graph): Graph {
  const [batch, styles, dim] = synthesis.types.get('w')!.shape as [number, number, number];
  if (batch !== 2) throw new Error(`Expected the synthesis of a batch of 2 but received one of ${batch}`);
  const b = new GraphBuilder('regions');
  b.reserve(synthesis.types.keys());
  const values = new Map([['w', b.input('w', 'float32', [2, styles, dim])]]);
  const masks = new Masks(b, b.input('mask', 'float32', [styles, MASK_SIDE, MASK_SIDE]));
  for (const [name, tensor] of synthesis.constants) values.set(name, b.constant(tensor, name));
  const producers = new Map(synthesis.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const seen = new Set<number>();
  for (const node of synthesis.nodes) {
    const inputs = node.inputs.map((name) => (name ? values.get(name)! : undefined));
    const at = node.op === 'Mul' ? node.inputs.findIndex((name) => isScale(producers, name)) : -1;
    if (at < 0) {
      b.ops(node.op, inputs, node.attrs, node.outputs).forEach((value, i) => {
        values.set(node.outputs[i]!, value);
      });
      continue;
    }
    const style = styleOf(synthesis, producers, node.inputs[at]!);
    seen.add(style);
    values.set(
      node.outputs[0]!,
      modulated(b, inputs[1 - at]!, inputs[at]!, masks.of(style, inputs[1 - at]!)),
    );
  }
  if (seen.size !== styles)
    throw new Error(`Expected ${styles} styles that feed a product but found ${seen.size}`);
  b.output(values.get('image')!, 'image');
  return prune(b.build());
}

type Producers = ReadonlyMap<string, Node>;

/** Whether a value is [2,C,1,1] of a style: Reshape(Gemm(Gather(w))). */
function isScale(producers: Producers, name: string): boolean {
  const gemm = producers.get(producers.get(name)?.inputs[0] ?? '');
  const style = producers.get(gemm?.inputs[0] ?? '');
  return producers.get(name)?.op === 'Reshape' && gemm?.op === 'Gemm' && style?.inputs[0] === 'w';
}

function styleOf(synthesis: Graph, producers: Producers, name: string): number {
  const gemm = producers.get(producers.get(name)!.inputs[0]!)!;
  const gather = producers.get(gemm.inputs[0]!)!;
  return numbersOf(synthesis.constants.get(gather.inputs[1]!)!)[0]!;
}

/** x [1,C,H,W] times the mixed scale: `scale` [2,C,1,1], `shares` [2,H*W], the weights of a and of b at every place. */
function modulated(b: GraphBuilder, x: Value, scale: Value, shares: Value): Value {
  const [, channels] = scale.shape as [number, number];
  const columns = b.op('Transpose', [b.op('Reshape', [scale, b.ints([2, channels])])], { perm: [1, 0] });
  const everywhere = b.op('MatMul', [columns, shares]);
  return b.op('Mul', [x, b.op('Reshape', [everywhere, b.ints([1, channels, ...x.shape.slice(2)])])]);
}

/** Weights of a and b by style and side, each made once. */
class Masks {
  private readonly made = new Map<string, Value>();

  constructor(
    private readonly b: GraphBuilder,
    private readonly mask: Value,
  ) {}

  /** [2,H*W] for features [1,C,H,W]. */
  of(style: number, x: Value): Value {
    const side = x.shape[2]!;
    const key = `${style} ${side}`;
    const made = this.made.get(key) ?? this.make(style, side);
    this.made.set(key, made);
    return made;
  }

  private make(style: number, side: number): Value {
    const { b } = this;
    const own = b.op('Gather', [this.mask, b.ints([style])], { axis: 0 });
    const image = b.op('Reshape', [own, b.ints([1, 1, MASK_SIDE, MASK_SIDE])]);
    const ofB = b.op('Reshape', [resized(b, image, side), b.ints([1, side * side])]);
    return b.op('Concat', [b.op('Sub', [b.scalar(1), ofB]), ofB], { axis: 0 });
  }
}

function resized(b: GraphBuilder, image: Value, side: number): Value {
  if (side === MASK_SIDE) return image;
  const square = [MASK_SIDE / side, MASK_SIDE / side];
  if (side < MASK_SIDE) return b.op('AveragePool', [image], { kernel_shape: square, strides: square });
  return b.op('Resize', [image, undefined, undefined, b.ints([1, 1, side, side])], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  });
}
