/** Rules broken on purpose: proof that a comparison can fail. */
import { vi } from 'vitest';
import type { GraphBuilder } from '../../../../src/models/graph/builder.js';
import type { Value } from '../../../../src/models/graph/ir.js';
import { OPS } from '../../../../src/models/graph/ops/index.js';
import type { OpRule } from '../../../../src/models/graph/ops/rule.js';
import type { Tensor } from '../../../../src/models/graph/tensor.js';

type Grad = Exclude<OpRule['grad'], false | undefined>;

function times(b: GraphBuilder, flow: Value, factor: number): Value {
  const double: Tensor = { dtype: 'float64', shape: [], data: Float64Array.of(factor) };
  return b.op('Mul', [flow, flow.dtype === 'float64' ? b.constant(double) : b.scalar(factor)]);
}

/** Runs `action` while every gradient that the rule of `op` gives is multiplied by `factor`. */
export function withBrokenRule<T>(op: string, factor: number, action: () => T): T {
  const rule = OPS.get(op);
  const grad = rule?.grad;
  if (!rule || !grad) throw new Error(`The op '${op}' has no gradient rule to break`);
  const scaled: Grad = (ctx) => grad(ctx).map((flow) => flow && times(ctx.b, flow, factor));
  const spy = vi.spyOn(rule as { grad: Grad }, 'grad').mockImplementation(scaled);
  try {
    return action();
  } finally {
    spy.mockRestore();
  }
}
