/** What a row of the op table says: how many inputs, which types come out, how the gradient flows back. */
import type { GraphBuilder } from '../builder.js';
import { type Attributes, isTensor, type Type, type Value } from '../ir.js';
import { type DType, numbersOf, type Shape, type Tensor } from '../tensor.js';

export interface InferContext {
  readonly inputs: readonly (Type | undefined)[];
  readonly outputs: number;
  readonly attrs: Attributes;
  /** The constant that input `i` is, if it is one. */
  constant(i: number): Tensor | undefined;
}

export interface GradContext {
  readonly b: GraphBuilder;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  /** dL/d(output), one for each output; undefined where the loss does not depend on it. */
  readonly grads: readonly (Value | undefined)[];
  readonly attrs: Attributes;
  /** Whether the gradient of input `i` is wanted. */
  needs(i: number): boolean;
}

export interface OpRule {
  /** Least and most number of inputs. */
  readonly arity: readonly [min: number, max: number];
  /** Inputs among the least number that may be left out all the same. */
  readonly optional?: readonly number[];
  /** Types of the outputs. Throws on inputs that do not fit. */
  infer(ctx: InferContext): Type[];
  /**
   * dL/d(input), one for each input, from dL/d(output): the vector-Jacobian product.
   * Absent for ops that are piecewise constant or have no derivative; `false` marks ops whose gradient is zero.
   */
  readonly grad?: ((ctx: GradContext) => (Value | undefined)[]) | false;
}

/** Throws where an input that the rule needs was left out. `isGiven` tells of each input whether it is there. */
export function expectInputs(
  { arity, optional = [] }: Pick<OpRule, 'arity' | 'optional'>,
  isGiven: (i: number) => boolean,
): void {
  for (let i = 0; i < arity[0]; i++)
    if (!isGiven(i) && !optional.includes(i)) throw new Error(`expected input ${i}, which was left out`);
}

/** Type of an input that must be there. */
export function typeAt(ctx: InferContext, i: number): Type {
  const type = ctx.inputs[i];
  if (!type) throw new Error(`expected input ${i}, which was left out`);
  return type;
}

/** A rule met an input that must be known before the graph runs and is not. */
export class NotConstant extends Error {
  constructor(
    readonly input: number,
    what: string,
  ) {
    super(`expected ${what} (input ${input}) to be a constant`);
  }
}

/** Plain numbers of a constant input: axes, shapes, pads. */
export function constantInts(ctx: InferContext, i: number, what: string): number[] {
  const tensor = ctx.constant(i);
  if (!tensor) throw new NotConstant(i, what);
  return numbersOf(tensor);
}

/** Constant numbers of a builder's value, for gradient rules. */
export function intsOf(b: GraphBuilder, value: Value, what: string): number[] {
  const tensor = b.constantOf(value.name);
  if (!tensor) throw new Error(`expected ${what} '${value.name}' to be a constant`);
  return numbersOf(tensor);
}

export function intAttr(attrs: Attributes, name: string, otherwise: number): number {
  const value = attrs[name] ?? otherwise;
  if (typeof value !== 'number') throw new Error(`expected attribute '${name}' to be a number`);
  return value;
}

export function intsAttr(attrs: Attributes, name: string, otherwise: readonly number[]): number[] {
  const value = attrs[name] ?? otherwise;
  if (!Array.isArray(value)) throw new Error(`expected attribute '${name}' to be a list of numbers`);
  return value as number[];
}

export function stringAttr(attrs: Attributes, name: string, otherwise: string): string {
  const value = attrs[name] ?? otherwise;
  if (typeof value !== 'string') throw new Error(`expected attribute '${name}' to be a string`);
  return value;
}

export function tensorAttr(attrs: Attributes, name: string): Tensor | undefined {
  const value = attrs[name];
  if (value !== undefined && !isTensor(value)) throw new Error(`expected attribute '${name}' to be a tensor`);
  return value;
}

/** Axis counted from the front. Throws outside -rank..rank-1. */
export function axisOf(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw new Error(`axis ${axis} is outside a tensor of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** NumPy broadcasting. Throws on sizes that do not fit. */
export function broadcast(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const d = shape[i - rank + shape.length] ?? 1;
      if (d === 1) continue;
      if (size !== 1 && size !== d)
        throw new Error(`shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not broadcast`);
      size = d;
    }
    return size;
  });
}

/** Sums a gradient over the axes along which its value was broadcast, so that it has the value's `shape`. */
export function unbroadcast(b: GraphBuilder, grad: Value, shape: Shape): Value {
  const lead = grad.shape.length - shape.length;
  const axes = grad.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : []));
  if (axes.length === 0) return grad;
  const summed = b.op('ReduceSum', [grad, b.ints(axes)], { keepdims: 1 });
  return lead === 0 ? summed : b.op('Reshape', [summed, b.ints(shape)]);
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Throws unless all given inputs share one element type; returns it. */
export function commonDtype(ctx: InferContext): DType {
  const dtypes = [...new Set(ctx.inputs.flatMap((t) => (t ? [t.dtype] : [])))];
  if (dtypes.length !== 1)
    throw new Error(`expected inputs of one element type but received ${dtypes.join(', ')}`);
  return dtypes[0]!;
}
