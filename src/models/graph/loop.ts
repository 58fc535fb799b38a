/** K repetitions of a step as one ONNX `Loop`: the state stays on the device from the first step to the last. */
import { GraphBuilder } from './builder.js';
import type { Value } from './ir.js';
import { bool } from './tensor.js';

/** What one repetition gives: the new state, in the order in which it came, and values to collect per repetition. */
export interface Repetition {
  state: readonly Value[];
  collect: readonly Value[];
}

/**
 * Repeats `step` `count` times (an int64 scalar) from `state`. Returns the final state and, for each collected value,
 * a tensor with one leading axis of length `count`.
 */
export function repeat(
  b: GraphBuilder,
  count: Value,
  state: readonly Value[],
  step: (body: GraphBuilder, i: Value, state: readonly Value[]) => Repetition,
): Repetition {
  const body = new GraphBuilder('body', b);
  const i = body.input(body.fresh('i'), 'int64', []);
  const going = body.input(body.fresh('going'), 'bool', []);
  const carried = state.map((v) => body.input(body.fresh(`${v.name}.carried`), v.dtype, v.shape));
  const result = step(body, i, carried);
  body.output(going, body.fresh('on'));
  for (const v of [...result.state, ...result.collect]) body.output(v, body.fresh(`${v.name}.out`));
  const outputs = b.ops(
    'Loop',
    [count, b.constant(bool([true]), b.fresh('true')), ...state],
    { body: body.build() },
    [...result.state, ...result.collect].map(() => b.fresh('loop')),
  );
  return { state: outputs.slice(0, state.length), collect: outputs.slice(state.length) };
}
