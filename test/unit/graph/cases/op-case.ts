/** What the numeric test of a gradient rule consists of, and ways to write it in a line. */
import type { GraphBuilder } from '../../../../src/models/graph/builder.js';
import type { Attributes, Value } from '../../../../src/models/graph/ir.js';
import { f32, i64, type Shape, sizeOf } from '../../../../src/models/graph/tensor.js';
import { uniform } from '../../../support/run-graph.js';

export interface OpCase {
  op: string;
  title?: string;
  /** Shapes of the inputs for which the gradient is tested. */
  inputs: readonly Shape[];
  /** Appended to them. */
  constants?: (b: GraphBuilder) => readonly (Value | undefined)[];
  /** All operands in order, where the tested inputs do not come first. */
  operands?: (inputs: readonly Value[], b: GraphBuilder) => readonly (Value | undefined)[];
  attrs?: Attributes;
  /** 1 by default. */
  outputs?: number;
  /** Keeps inputs away from kinks and poles. */
  map?: (x: number) => number;
  /** Step of the differences, smaller where kinks lie close. */
  step?: number;
}

/** A step that does not reach past the kinks between random numbers. */
export const SMALL_STEP = 1e-3;

export const positive = (x: number): number => 0.6 + 0.4 * x;
/** Onto 0.05, 0.15, 0.25 ..: kinks at other numbers are at least 0.04 away. */
export const gridded = (x: number): number => Math.floor(x * 10) / 10 + 0.05;
export const awayFromZero = (x: number): number => x + Math.sign(x) * 0.1;

export const random = (b: GraphBuilder, shape: Shape, seed = 99): Value =>
  b.constant(f32(uniform(sizeOf(shape), seed), shape));
export const weight =
  (...shapes: Shape[]) =>
  (b: GraphBuilder): Value[] =>
    shapes.map((shape, i) => random(b, shape, 99 + i));
export const ints =
  (...lists: number[][]) =>
  (b: GraphBuilder): Value[] =>
    lists.map((list) => b.ints(list));
/** An int64 tensor of any shape. */
export const indices = (b: GraphBuilder, list: readonly number[], shape: Shape): Value =>
  b.constant(i64(list, shape));
/** Conditions [2, 3], some true. */
export const chosen = (b: GraphBuilder): Value => b.op('Greater', [random(b, [2, 3], 3), b.scalar(0)]);
