/** Masks as clips of a hugely scaled value: one cheap pass instead of compare, select and cast. */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';

/** Scale that takes every float32 worth the name past 1. */
const STEEP = 1e20;

/** 1 where x > 0, else 0, or `low` in its place. */
export function mask(b: GraphBuilder, x: Value, low = 0): Value {
  const steep = b.isSteep(x.name) ? x : b.op('Mul', [x, b.scalar(STEEP)]);
  return b.op('Clip', [steep, b.scalar(low), b.scalar(1)]);
}

/** 1 where a value reaches the extremum, else 0, from how far it falls short of it (0 or more). */
export function attained(b: GraphBuilder, shortfall: Value): Value {
  return b.op('Sub', [b.scalar(1), mask(b, shortfall)]);
}
