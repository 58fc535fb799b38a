/** Largest and smallest of two or more values, elementwise with broadcasting. */
import type { Value } from '../ir.js';
import { attained } from './mask.js';
import { broadcast, commonDtype, type OpRule, unbroadcast } from './rule.js';

/** Ties share the gradient equally among all inputs that reach the extremum. */
const extremumOf = (sign: 1 | -1): OpRule => ({
  arity: [1, Number.POSITIVE_INFINITY],
  infer: (ctx) => [{ dtype: commonDtype(ctx), shape: broadcast(...ctx.inputs.map((t) => t!.shape)) }],
  grad: ({ b, inputs, outputs, grads, needs }) => {
    const [y, g] = [outputs[0]!, grads[0]!];
    const chosen = inputs.map((x) => attained(b, b.op('Sub', sign > 0 ? [y, x!] : [x!, y])));
    const ties = chosen.reduce((a: Value, c) => b.op('Add', [a, c]));
    const share = b.op('Div', [g, ties]);
    return inputs.map((x, i) =>
      needs(i) ? unbroadcast(b, b.op('Mul', [share, chosen[i]!]), x!.shape) : undefined,
    );
  },
});

export const extremum: Readonly<Record<string, OpRule>> = {
  Max: extremumOf(1),
  Min: extremumOf(-1),
};
