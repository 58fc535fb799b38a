/**
 * Conv(x, W)            -> Cast32(Conv16(Cast16(x), W16))      wherever it pays, and so for the ops between convolutions
 * Cast16(Cast32(x16))   -> x16                                 casts stand at the borders of a region only
 * Clip(1e20 y, a, b)    -> Clip(Sign(y), a, b)                 the mask of an activation; 1e20 is out of range
 *
 * Half precision keeps eleven significant bits of numbers up to 65504. Convolutions, activations and products of large
 * tensors run in it; norms, sums of many terms, whatever is made of them, small tensors, and with those latents and
 * optimiser state stay in single precision (passes/half-region). Weights become constants of half the size. Inputs and
 * outputs of the graph keep their types.
 */
import { GraphBuilder } from '../builder.js';
import { halved } from '../half.js';
import { type Attributes, type Graph, isGraph, type Node, type Value } from '../ir.js';
import { DTYPE_CODES } from '../onnx.js';
import type { Tensor } from '../tensor.js';
import { type HalfOptions, type HalfRegion, halfRegion, isElements } from './half-region.js';
import type { Rewritten } from './rewrite.js';

type Precision = 'float32' | 'float16';

/** `count` is the number of nodes that run in half precision. Bodies of loops are rewritten with the graph around them. */
export function halfPrecision(graph: Graph, options?: HalfOptions): Rewritten {
  const region = halfRegion(graph, options);
  const scope = new Scope(graph, region, new GraphBuilder(graph.name));
  return { graph: scope.write(), count: region.nodes.size };
}

const nameOf = (name: string, precision: Precision): string =>
  precision === 'float16' ? `${name}.half` : name;

/** A graph or the body of a loop as it is written anew. */
class Scope {
  private readonly written = new Map<string, Value>();

  constructor(
    private readonly graph: Graph,
    private readonly region: HalfRegion,
    private readonly b: GraphBuilder,
    private readonly outer?: Scope,
  ) {}

  write(): Graph {
    const { graph, b } = this;
    for (const name of graph.inputs) {
      const { dtype, shape } = graph.types.get(name)!;
      this.written.set(name, b.input(name, dtype, shape));
    }
    for (const node of graph.nodes) this.node(node);
    for (const name of graph.outputs) b.output(this.value(name, 'float32'), name);
    return b.build();
  }

  private node(node: Node): void {
    const [first] = node.outputs as [string];
    const precision = this.region.nodes.has(first) ? 'float16' : 'float32';
    const inputs = node.inputs.map((name, i) =>
      name ? this.value(name, isElements(node, i) ? precision : 'float32') : undefined,
    );
    const names = node.outputs.map((name) => nameOf(name, precision));
    const outputs = this.region.signs.has(first)
      ? [this.b.op('Sign', [inputs[0]], {}, names[0])]
      : this.b.ops(node.op, inputs, this.attributes(node), names);
    for (const output of outputs) this.written.set(output.name, output);
  }

  private attributes({ attrs }: Node): Attributes {
    const entries = Object.entries(attrs).map(([key, attribute]) => {
      if (!isGraph(attribute)) return [key, attribute] as const;
      const body = new Scope(attribute, this.region, new GraphBuilder(attribute.name, this.b), this);
      return [key, body.write()] as const;
    });
    return Object.fromEntries(entries);
  }

  /**
   * A value of the old graph; where it is a float, in the wanted precision. It is cast once, where it is defined: what a
   * loop takes from outside is cast before the loop.
   */
  private value(name: string, wanted: Precision): Value {
    const { dtype } = this.typeOf(name);
    const precision = dtype === 'float32' ? wanted : 'float32';
    const known = this.find(nameOf(name, precision));
    return known ?? this.owner(name).bring(name, precision);
  }

  private bring(name: string, precision: Precision): Value {
    const to = nameOf(name, precision);
    const tensor = this.graph.constants.get(name);
    const value = tensor ? this.constant(tensor, to, precision) : this.cast(name, to, precision);
    this.written.set(to, value);
    return value;
  }

  private constant(tensor: Tensor, name: string, precision: Precision): Value {
    return this.b.constant(precision === 'float16' ? halved(tensor) : tensor, name);
  }

  private cast(name: string, to: string, precision: Precision): Value {
    const from = this.written.get(nameOf(name, precision === 'float16' ? 'float32' : 'float16'));
    if (!from) throw new Error(`Graph '${this.graph.name}' reads '${name}' before it is defined`);
    return this.b.op('Cast', [from], { to: DTYPE_CODES[precision] }, to);
  }

  private find(name: string): Value | undefined {
    return this.written.get(name) ?? this.outer?.find(name);
  }

  private typeOf(name: string) {
    return this.owner(name).graph.types.get(name)!;
  }

  private owner(name: string): Scope {
    if (this.graph.types.has(name)) return this;
    if (!this.outer) throw new Error(`Graph '${this.graph.name}' has no value '${name}'`);
    return this.outer.owner(name);
  }
}
