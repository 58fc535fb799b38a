/**
 * The image of a graph reduced to a smaller side, without computing what is larger.
 *
 * Let k be how many times larger than `side` a value is. Where the exact graph has such a value, the coarse one has a few
 * numbers for each square of k x k pixels, of which the square is known to be a fixed combination (its pattern):
 *
 *   ConvTranspose_2(x, W)  x with the kernels of W as pattern: of inverse Haar, the four bands          exact
 *   x s                    the numbers times s, for a factor per channel                                exact
 *   Conv_depthwise(x, K)   the mean of each square: a depthwise convolution of the numbers              exact
 *   Conv_1x1(x, W) + c     the same of the means                                                        exact
 *   x + constant           the means plus those of the constant                                         exact
 *   LeakyRelu(x)           of the mean, in place of the mean of LeakyRelu                               not exact
 *
 * From there on a square is taken to be even, which is the second thing that is not exact. An image of which only the last
 * upsampling is left out is exact: the mean of inverse Haar is its LL band.
 */
import { GraphBuilder } from './builder.js';
import { describe, type Graph, type Node, type Value } from './ir.js';
import { groupOf, windowOf } from './ops/window.js';
import { prune } from './passes/rewrite.js';
import { f32, sizeOf, type Tensor } from './tensor.js';

/** What stands for a value [N,C,k s,k s] of the exact graph. */
interface Coarse {
  /** [N, C per, s, s]: the numbers of a channel lie together. */
  readonly value: Value;
  /** C */
  readonly channels: number;
  readonly k: number;
  /** [C, per, k, k], flat: what each number adds to its square. Undefined for even squares: 1 everywhere, per = 1. */
  readonly pattern?: Float32Array;
}

export interface Coarsened {
  readonly graph: Graph;
  /** Names of the weights of what is computed coarsely: to be fitted, since they were made for the exact graph. */
  readonly weights: readonly string[];
}

/** First part of the names of those weights. */
const PREFIX = 'coarse.';

/**
 * The graph with its only output, an image [N,C,S,S], reduced to [N,C,side,side]. Throws, naming the node, where
 * a value larger than `side` comes from anything else than the above.
 */
export function coarsen(graph: Graph, side: number): Coarsened {
  const [output, ...others] = graph.outputs;
  const [, , size] = graph.types.get(output ?? '')?.shape ?? [];
  if (!output || others.length > 0 || !size || size % side !== 0)
    throw new Error(`Expected one image whose side ${side} divides but received [${graph.outputs}]`);
  if (size === side) return { graph, weights: [] };
  const larger = (name: string): boolean => {
    const { shape } = graph.types.get(name)!;
    return shape.length === 4 && shape[2]! > side;
  };
  const b = new GraphBuilder(graph.name);
  b.reserve(graph.types.keys());
  const exact = new Map<string, Value>();
  const coarse = new Map<string, Coarse>();
  for (const name of graph.inputs) {
    const { dtype, shape } = graph.types.get(name)!;
    exact.set(name, b.input(name, dtype, shape));
  }
  for (const [name, tensor] of graph.constants) if (!larger(name)) exact.set(name, b.constant(tensor, name));
  const writer = new Writer(b, graph);
  for (const node of graph.nodes) {
    if (larger(node.outputs[0]!)) {
      coarse.set(node.outputs[0]!, writer.write(node, exact, coarse));
      continue;
    }
    const inputs = node.inputs.map((name) => (name ? exact.get(name) : undefined));
    if (node.inputs.some((name, i) => name && !inputs[i]))
      throw new Error(`${where(graph, node)} reads what is only known coarsely`);
    const outputs = b.ops(node.op, inputs, node.attrs, node.outputs);
    for (const [i, name] of node.outputs.entries()) exact.set(name, outputs[i]!);
  }
  b.output(writer.mean(coarse.get(output)!), output);
  const coarsened = prune(b.build());
  return {
    graph: coarsened,
    weights: [...coarsened.constants.keys()].filter((name) => name.startsWith(PREFIX)),
  };
}

/** The graph with other weights in the place of some. Throws where one has another shape or is not known. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Tensor>): Graph {
  for (const [name, { shape }] of weights) {
    const known = graph.constants.get(name)?.shape;
    if (known?.join() !== shape.join())
      throw new Error(`Expected '${name}' to be [${known ?? 'none'}] but received [${shape}]`);
  }
  return { ...graph, constants: new Map([...graph.constants, ...weights]) };
}

/** The graph with some of its weights as inputs, after those that it has. */
export function weightsAsInputs(graph: Graph, names: readonly string[]): Graph {
  const constants = new Map(graph.constants);
  for (const name of names) constants.delete(name);
  return { ...graph, inputs: [...graph.inputs, ...names], constants };
}

const where = (graph: Graph, node: Node): string => describe(node, (name) => graph.types.get(name));

/** Writes the coarse forms of nodes. */
class Writer {
  constructor(
    private readonly b: GraphBuilder,
    private readonly graph: Graph,
  ) {}

  write(node: Node, exact: ReadonlyMap<string, Value>, coarse: ReadonlyMap<string, Coarse>): Coarse {
    const { b } = this;
    const [first, second] = node.inputs as [string, string];
    const x = coarse.get(first);
    if (node.op === 'ConvTranspose') {
      const value = x ? this.even(node, x).value : exact.get(first);
      if (value) return this.upsampled(node, value, x?.k ?? 1);
    }
    const [image, other] = x ? [x, second] : [coarse.get(second), first];
    if (!image) throw this.refusal(node);
    switch (node.op) {
      case 'Identity':
        return image;
      case 'Mul': {
        const factor = exact.get(other);
        if (factor)
          return { ...image, value: b.op('Mul', [image.value, this.repeated(node, factor, image)]) };
        break;
      }
      case 'Add': {
        const even = this.even(node, image);
        const constant = this.graph.constants.get(other);
        if (constant?.shape.length !== 4) break;
        const offset = b.constant(means(constant, even.k), `mean.${other}`);
        return { ...even, value: b.op('Add', [even.value, offset]) };
      }
      case 'LeakyRelu': {
        const even = this.even(node, image);
        return { ...even, value: b.op('LeakyRelu', [even.value], node.attrs) };
      }
      case 'Conv':
        if (image === x) return this.convolved(node, image);
    }
    throw this.refusal(node);
  }

  /** The mean of each square. */
  mean({ value, channels, pattern, k }: Coarse): Value {
    if (!pattern) return value;
    const numbers = value.shape[1]!;
    const data = Float32Array.from({ length: numbers }, (_, i) => {
      const square = pattern.subarray(i * k ** 2, (i + 1) * k ** 2);
      return square.reduce((sum, x) => sum + x, 0) / k ** 2;
    });
    const weight = this.b.constant(f32(data, [channels, numbers / channels, 1, 1]));
    return this.b.op('Conv', [value, weight], { kernel_shape: [1, 1], group: channels });
  }

  private upsampled(node: Node, value: Value, before: number): Coarse {
    const weight = this.graph.constants.get(node.inputs[1]!);
    const group = groupOf(node.attrs);
    if (!weight) throw this.refusal(node);
    const [inputs, columns] = weight.shape as [number, number];
    const { kernel, strides, pads } = windowOf(node.attrs, weight.shape.slice(2));
    const doubling = [...kernel, ...strides].every((n) => n === 2) && pads.every((p) => p === 0);
    if (!doubling || columns !== 1 || node.inputs[2]) throw this.refusal(node);
    const k = 2 * before;
    const pattern = new Float32Array(inputs * k * k);
    for (let i = 0; i < pattern.length; i++) {
      const [y, x] = [Math.floor(i / k) % 2, i % 2];
      pattern[i] = Number(weight.data[4 * Math.floor(i / k ** 2) + 2 * y + x]);
    }
    return { value, channels: group, k, pattern };
  }

  private convolved(node: Node, image: Coarse): Coarse {
    const { b, graph } = this;
    const weight = graph.constants.get(node.inputs[1]!);
    const bias = node.inputs[2] ? graph.constants.get(node.inputs[2]) : undefined;
    if (!weight || (node.inputs[2] && !bias)) throw this.refusal(node);
    const group = groupOf(node.attrs);
    const window = windowOf(node.attrs, weight.shape.slice(2));
    const plain = [...window.strides, ...window.dilations].every((s) => s === 1);
    const depthwise = group === weight.shape[0] && weight.shape[1] === 1;
    const same = window.kernel.every((n, axis) => n === 2 * window.pads[axis]! + 1 && n <= 3);
    if (!plain || !same || (!depthwise && (group !== 1 || sizeOf(window.kernel) !== 1)))
      throw this.refusal(node);
    const offset = bias && this.weight(node.inputs[2]!, bias);
    const { k } = image;
    const channels = weight.shape[0]!;
    if (!depthwise) {
      const inputs = [this.even(node, image).value, this.weight(node.inputs[1]!, weight), offset];
      return { channels, k, value: b.op('Conv', inputs, node.attrs) };
    }
    const kernels = this.weight(node.inputs[1]!, overSquares(weight, image));
    const attrs = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], group };
    return { channels, k, value: b.op('Conv', [image.value, kernels, offset], attrs) };
  }

  /** A factor [N,C,1,1] for each of the numbers of a channel. */
  private repeated(node: Node, factor: Value, { value }: Coarse): Value {
    const [n, channels, ...rest] = factor.shape as [number, number, ...number[]];
    const per = value.shape[1]! / channels;
    if (factor.shape.length !== 4 || sizeOf(rest) !== 1 || !Number.isInteger(per)) throw this.refusal(node);
    if (per === 1) return factor;
    const { b } = this;
    const columns = b.op('Reshape', [factor, b.ints([n, channels, 1])]);
    const expanded = b.op('Expand', [columns, b.ints([n, channels, per])]);
    return b.op('Reshape', [expanded, b.ints([n, channels * per, 1, 1])]);
  }

  private even(node: Node, image: Coarse): Coarse {
    if (image.pattern) throw this.refusal(node);
    return image;
  }

  private weight(name: string, tensor: Tensor): Value {
    // A tensor of its own, so that it has a name of its own.
    return this.b.constant({ ...tensor }, PREFIX + name);
  }

  private refusal(node: Node): Error {
    return new Error(`${where(this.graph, node)} has no coarse form`);
  }
}

/**
 * Kernels [C, per, 3, 3] over the numbers of squares that give the mean over each square of a depthwise convolution
 * [C,1,n,n] of the pixels, n = 1 or 3: tap t of pixel i reads the square floor((i + t) / k).
 */
function overSquares({ shape, data }: Tensor, { value, k, pattern }: Coarse): Tensor {
  const [channels, , taps] = shape as [number, number, number];
  const per = value.shape[1]! / channels;
  const out = new Float32Array(channels * per * 9);
  const radius = (taps - 1) / 2;
  for (let at = 0; at < channels * per; at++) {
    const kernel = Math.floor(at / per) * taps * taps;
    for (let t = 0; t < taps * taps; t++) {
      const [ty, tx] = [Math.floor(t / taps) - radius, (t % taps) - radius];
      for (let i = 0; i < k * k; i++) {
        const [y, x] = [Math.floor(i / k) + ty, (i % k) + tx];
        const [row, column] = [Math.floor(y / k), Math.floor(x / k)];
        const inside = (y - row * k) * k + (x - column * k);
        const share = pattern ? pattern[at * k * k + inside]! : 1;
        out[9 * at + 3 * (row + 1) + column + 1]! += (Number(data[kernel + t]) * share) / k ** 2;
      }
    }
  }
  return f32(out, [channels, per, 3, 3]);
}

/** Means over squares of k x k of a constant [1,C,H,W]. */
function means({ shape, data }: Tensor, k: number): Tensor {
  const [n, channels, height, width] = shape as [number, number, number, number];
  const size = [n, channels, height / k, width / k];
  const out = new Float32Array(sizeOf(size));
  for (let i = 0; i < data.length; i++) {
    const [line, x] = [Math.floor(i / width), i % width];
    const [plane, y] = [Math.floor(line / height), line % height];
    out[(plane * (height / k) + Math.floor(y / k)) * (width / k) + Math.floor(x / k)]! +=
      Number(data[i]) / k ** 2;
  }
  return f32(out, size);
}
