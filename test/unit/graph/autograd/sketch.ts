/** A random graph as it grows: a pool of values that depend on the inputs, and the choices of one step after another. */
import { GraphBuilder } from '../../../../src/models/graph/builder.js';
import type { Attributes, Graph, Value } from '../../../../src/models/graph/ir.js';
import { f32, type Shape, sizeOf } from '../../../../src/models/graph/tensor.js';
import { uniform } from '../../../support/run-graph.js';

/** A value and a bound of its magnitude, by which operands are kept in a range where float32 is accurate. */
export interface Term {
  readonly value: Value;
  readonly bound: number;
}

interface Pooled extends Term {
  used: boolean;
}

/** What an operand must be like, and a shape to make where the pool has none. */
export interface Wanted {
  fits?: (shape: Shape) => boolean;
  otherwise?: () => Shape;
  /** Scaled down where it could be larger. */
  bound?: number;
}

/** Least number of elements of an input: in the gradient of a single number, all may cancel but rounding. */
export const LEAST_INPUT = 4;
/** Largest number of elements of a value. */
export const MAX_SIZE = 256;

export class Sketch {
  readonly b = new GraphBuilder('sketch');
  private readonly pool: Pooled[] = [];
  private tape: readonly number[] = [];
  private at = 0;
  private constants = 0;

  constructor(
    shape: Shape,
    private readonly seed: number,
  ) {
    this.input(shape);
  }

  /** Starts a step, whose choices are read from `tape` and are 0 after its end: the smallest choice is the simplest. */
  begin(tape: readonly number[]): void {
    this.tape = tape;
    this.at = 0;
  }

  /** A choice among 0..n-1. */
  draw(n: number): number {
    return (this.tape[this.at++] ?? 0) % n;
  }

  between(low: number, high: number): number {
    return low + this.draw(high - low + 1);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.draw(list.length)]!;
  }

  /** True in one of `n` cases, and not in the simplest. */
  rarely(n: number): boolean {
    return this.draw(n) === n - 1;
  }

  /** Frozen random numbers between `low` and `high`. */
  constant(shape: Shape, low = -1, high = 1): Term {
    const random = uniform(sizeOf(shape), this.seed + 101 * ++this.constants);
    const data = random.map((x) => low + ((high - low) * (x + 1)) / 2);
    return {
      value: this.b.constant(f32(data, shape), this.b.fresh('weight')),
      bound: Math.max(Math.abs(low), Math.abs(high)),
    };
  }

  /** A value that depends on the inputs: one of the pool, the newest first, or a new one where none fits. */
  operand({ fits = () => true, otherwise = () => [2, 3], bound = 4 }: Wanted = {}): Term {
    const fitting = this.pool.filter(({ value }) => fits(value.shape)).reverse();
    if (fitting.length === 0) return this.within(this.shaped(otherwise()), bound);
    const found = this.rarely(3) ? this.pick(fitting) : fitting[0]!;
    found.used = true;
    return this.within(found, bound);
  }

  /** A value of that very shape that depends on the inputs: found, projected from another, or a new input. */
  shaped(shape: Shape, bound = 4): Term {
    const same = this.pool.filter(({ value }) => `${value.shape}` === `${shape}`);
    if (same.length > 0 && !this.rarely(3)) {
      const found = same.at(-1)!;
      found.used = true;
      return this.within(found, bound);
    }
    if (this.rarely(4) && sizeOf(shape) >= LEAST_INPUT) return this.within(this.input(shape, true), bound);
    const from = this.pool.at(-1)!;
    from.used = true;
    const [inner, outer] = [sizeOf(from.value.shape), sizeOf(shape)];
    const row = this.b.op('Reshape', [this.within(from, 2).value, this.b.ints([1, inner])]);
    const gain = 1 / Math.sqrt(inner);
    const weight = this.constant([inner, outer], -2 * gain, 2 * gain);
    const product = this.b.op('MatMul', [row, weight.value]);
    return this.within({ value: this.b.op('Reshape', [product, this.b.ints(shape)]), bound: 4 }, bound);
  }

  /** `shaped`, or frozen, or left out where that is allowed. */
  parameter(shape: Shape, low = -1, high = 1): Term {
    return this.rarely(3) ? this.shaped(shape, Math.max(-low, high)) : this.constant(shape, low, high);
  }

  /** The same value, scaled down if it may be larger than `bound`. */
  within(term: Term, bound: number): Term {
    if (term.bound <= bound) return term;
    const scaled = this.b.op('Mul', [term.value, this.b.scalar(bound / term.bound)]);
    return { value: scaled, bound };
  }

  /** A smooth function of the value that lies between 0.3 and 5. */
  positive(term: Term): Term {
    const { b } = this;
    const x = this.within(term, 1.2).value;
    const lifted = (y: Value) => b.op('Add', [y, b.scalar(0.3)]);
    const forms = [
      () => lifted(b.op('Sigmoid', [x])),
      () => lifted(b.op('Mul', [x, x])),
      () => lifted(b.op('Softplus', [x])),
      () => b.op('Exp', [x]),
    ];
    return { value: this.pick(forms)(), bound: 5 };
  }

  /** Adds a node and puts its output into the pool. */
  emit(op: string, inputs: readonly (Term | undefined)[], attrs: Attributes, bound: number): void {
    const value = this.b.op(
      op,
      inputs.map((term) => term?.value),
      attrs,
    );
    this.push(value, bound);
  }

  push(value: Value, bound: number): void {
    this.pool.push({ value, bound, used: false });
  }

  /** Undoes the use of a value through which no gradient flows, so that it reaches the loss by another way. */
  unused({ value }: Term): void {
    for (const pooled of this.pool) if (pooled.value.name === value.name) pooled.used = false;
  }

  /** Inputs to `loss`: a random direction times every value that nothing uses. */
  finish(): Graph {
    this.begin([]);
    const terms = this.pool
      .filter(({ used }) => !used)
      .map((term) => {
        const { value } = this.within(term, 4);
        const weighted = this.b.op('Mul', [value, this.constant(value.shape).value]);
        return this.b.op('ReduceSum', [weighted], { keepdims: 0 });
      });
    this.b.output(
      terms.reduce((sum, term) => this.b.op('Add', [sum, term])),
      'loss',
    );
    return this.b.build();
  }

  private input(shape: Shape, used = false): Term {
    const value = this.b.input(this.b.fresh('x'), 'float32', shape);
    this.pool.push({ value, bound: 1, used });
    return { value, bound: 1 };
  }
}
