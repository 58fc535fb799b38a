/** Writes a graph node by node; every node is typed and checked by its op's rule as it is added. */
import type { Attributes, Graph, Node, Type, Value } from './ir.js';
import { describe } from './ir.js';
import { inferTypes } from './ops/index.js';
import { type DType, f32, i64, type Shape, type Tensor } from './tensor.js';

export class GraphBuilder {
  private readonly inputNames: string[] = [];
  private readonly outputNames: string[] = [];
  private readonly nodes: Node[] = [];
  private readonly constants = new Map<string, Tensor>();
  private readonly types = new Map<string, Type>();
  private readonly weights = new Map<Tensor, Value>();
  private readonly shared = new Map<string, Value>();
  private readonly counters = new Map<string, number>();
  private readonly steep = new Set<string>();
  private readonly promised = new Set<string>();

  /** `outer` is the builder of the graph around a `Loop` body: its values may be named here. */
  constructor(
    readonly name: string,
    private readonly outer?: GraphBuilder,
  ) {}

  input(name: string, dtype: DType, shape: Shape): Value {
    this.inputNames.push(name);
    return this.declare(name, { dtype, shape });
  }

  /**
   * A constant: the same tensor object is added once, whatever names it is given. Constants of a `Loop` body live in
   * the graph around it, where the runtime packs them once and not in every run.
   */
  constant(tensor: Tensor, name: string = this.fresh('const')): Value {
    if (this.outer) return this.outer.constant(tensor, name);
    const known = this.weights.get(tensor);
    if (known) return known;
    const value = this.declare(name, { dtype: tensor.dtype, shape: tensor.shape });
    this.constants.set(name, tensor);
    this.weights.set(tensor, value);
    return value;
  }

  /** Float32 scalar constant, one for each number. */
  scalar(x: number): Value {
    return this.share(`f:${x}`, () => this.constant(f32([x]), this.fresh('scalar')));
  }

  /** Int64 vector constant, one for each list. */
  ints(list: readonly number[]): Value {
    return this.share(`i:${list}`, () => this.constant(i64(list), this.fresh('ints')));
  }

  /** Adds a node with one output and returns it. Undefined inputs are optional inputs left out. */
  op(op: string, inputs: readonly (Value | undefined)[], attrs: Attributes = {}, name?: string): Value {
    return this.ops(op, inputs, attrs, [name ?? this.fresh(op)])[0]!;
  }

  /** Adds a node with the given output names. */
  ops(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Attributes,
    names: readonly string[],
  ): Value[] {
    const node: Node = { op, inputs: inputs.map((v) => v?.name ?? ''), outputs: names, attrs };
    const types = this.infer(node);
    this.nodes.push(node);
    return names.map((name, i) => this.declare(name, types[i]!));
  }

  /** Marks a value as an output; given another name, it is passed on under that name. */
  output(value: Value, name: string = value.name): Value {
    const named = name === value.name ? value : this.op('Identity', [value], {}, name);
    this.outputNames.push(named.name);
    return named;
  }

  /** A name that is not taken here or in the graph around, counted per prefix: the same calls give the same names. */
  fresh(prefix: string): string {
    for (;;) {
      const n = this.counters.get(prefix) ?? 0;
      this.counters.set(prefix, n + 1);
      const name = `${this.outer ? `${this.name}.` : ''}${prefix}_${n}`;
      if (!this.typeOf(name) && !this.promised.has(name)) return name;
    }
  }

  /** Keeps names that will be given later from being made up for something else. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.promised.add(name);
  }

  typeOf(name: string): Type | undefined {
    return this.types.get(name) ?? this.outer?.typeOf(name);
  }

  constantOf(name: string): Tensor | undefined {
    return this.constants.get(name) ?? this.outer?.constantOf(name);
  }

  /**
   * Copies all nodes and constants of `graph` in, its inputs replaced by `bindings`; returns its outputs by name. What has a
   * name that is taken here gets another one.
   */
  inline(graph: Graph, bindings: ReadonlyMap<string, Value>, prefix = ''): Map<string, Value> {
    const renamed = new Map<string, Value>(bindings);
    for (const name of graph.inputs) {
      if (!renamed.has(name)) throw new Error(`Graph '${graph.name}' has no binding for its input '${name}'`);
    }
    const free = (name: string): string =>
      this.typeOf(prefix + name) ? this.fresh(prefix + name) : prefix + name;
    for (const [name, tensor] of graph.constants) {
      renamed.set(name, this.constant(tensor, free(name)));
    }
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((name) => (name ? renamed.get(name)! : undefined));
      const outputs = this.ops(node.op, inputs, node.attrs, node.outputs.map(free));
      for (const [i, name] of node.outputs.entries()) renamed.set(name, outputs[i]!);
    }
    for (const name of graph.steep) this.markSteep(renamed.get(name)!);
    return new Map(graph.outputs.map((name) => [name, renamed.get(name)!]));
  }

  /** Says that a value is far past 1 wherever it is not 0. */
  markSteep({ name }: Value): void {
    this.steep.add(name);
  }

  isSteep(name: string): boolean {
    return this.steep.has(name) || (this.outer?.isSteep(name) ?? false);
  }

  /** The nodes added up to now, in order, without the first `skip`. */
  nodesSoFar(skip = 0): readonly Node[] {
    return this.nodes.slice(skip);
  }

  build(): Graph {
    return {
      name: this.name,
      inputs: [...this.inputNames],
      outputs: [...this.outputNames],
      nodes: [...this.nodes],
      constants: new Map(this.constants),
      types: new Map(this.types),
      steep: new Set(this.steep),
    };
  }

  private infer(node: Node): Type[] {
    const lookup = {
      typeOf: (name: string) => this.typeOf(name),
      constantOf: (name: string) => this.constantOf(name),
    };
    for (const name of node.inputs) {
      if (name && !this.typeOf(name))
        throw new Error(`${node.op} '${node.outputs[0]}' reads '${name}', which is not defined`);
    }
    try {
      return inferTypes(node, lookup);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${describe(node, lookup.typeOf)}: ${reason}`, { cause: error });
    }
  }

  private declare(name: string, type: Type): Value {
    if (this.types.has(name)) throw new Error(`Graph '${this.name}' defines '${name}' twice`);
    this.types.set(name, type);
    return { name, ...type };
  }

  private share(key: string, make: () => Value): Value {
    if (this.outer) return this.outer.share(key, make);
    const found = this.shared.get(key);
    if (found) return found;
    const value = make();
    this.shared.set(key, value);
    return value;
  }
}
