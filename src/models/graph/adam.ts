/** Adam as graph nodes (Kingma and Ba 2015, algorithm 1). */
import type { GraphBuilder } from './builder.js';
import type { Value } from './ir.js';

export interface AdamOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

export interface AdamState {
  /** The parameter and its first and second moment, all of one shape. */
  x: Value;
  m: Value;
  v: Value;
}

/**
 * One step: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, x = x - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
 * `t` counts steps from 1; `lr` and `t` are float scalars. beta1 0.9, beta2 0.999, epsilon 1e-8 by default.
 */
export function adamStep(
  b: GraphBuilder,
  { x, m, v }: AdamState,
  grad: Value,
  lr: Value,
  t: Value,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): AdamState {
  const blend = (old: Value, fresh: Value, beta: number) =>
    b.op('Add', [b.op('Mul', [old, b.scalar(beta)]), b.op('Mul', [fresh, b.scalar(1 - beta)])]);
  const corrected = (moment: Value, beta: number) =>
    b.op('Div', [moment, b.op('Sub', [b.scalar(1), b.op('Pow', [b.scalar(beta), t])])]);
  const m1 = blend(m, grad, beta1);
  const v1 = blend(v, b.op('Mul', [grad, grad]), beta2);
  const scale = b.op('Add', [b.op('Sqrt', [corrected(v1, beta2)]), b.scalar(epsilon)]);
  const update = b.op('Mul', [lr, b.op('Div', [corrected(m1, beta1), scale])]);
  return { x: b.op('Sub', [x, update]), m: m1, v: v1 };
}
