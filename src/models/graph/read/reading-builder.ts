/** A builder for graphs that come from files: what is constant is computed, and no name need be free. */
import { GraphBuilder } from '../builder.js';
import { fold } from '../fold.js';
import type { Attributes, Node, Value } from '../ir.js';
import type { Budget } from './budget.js';

export class ReadingBuilder extends GraphBuilder {
  constructor(
    name: string,
    private readonly budget: Budget,
  ) {
    super(name);
  }

  /** A node, or constants in its place. A name that is taken, as by another call of one function, is changed. */
  override ops(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Attributes,
    names: readonly string[],
  ): Value[] {
    const outputs = names.map((name) => (name === '' || this.typeOf(name) ? this.fresh(name || op) : name));
    const node: Node = { op, inputs: inputs.map((value) => value?.name ?? ''), outputs, attrs };
    // An Identity gives a graph's output its name.
    const known = op === 'Identity' ? undefined : fold(node, this);
    for (const { data } of known ?? []) this.budget.takeElements(data.length);
    return known
      ? known.map((tensor, i) => this.constant(tensor, outputs[i]!))
      : super.ops(op, inputs, attrs, outputs);
  }
}
