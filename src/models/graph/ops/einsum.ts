/**
 * Einstein sums of any number of tensors. y = einsum(A, B; ab,bc -> ac) is linear in each: dL/dA = einsum(dL/dy, B),
 * the output's labels taking the place of A's. Labels that only A has are summed over: their gradient is repeated.
 */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import type { Shape } from '../tensor.js';
import { reshape } from './resample.js';
import { commonDtype, type OpRule, sameShape, stringAttr } from './rule.js';

interface Sum {
  /** Labels of each operand's axes, `...` spelled out by letters of its own. */
  readonly terms: readonly string[];
  readonly output: string;
  readonly sizes: ReadonlyMap<string, number>;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The equation with ellipses and the implicit output spelled out. Throws where it does not fit the shapes. */
function parse(equation: string, shapes: readonly Shape[]): Sum {
  const [left, right] = equation.replaceAll(' ', '').split('->') as [string, string | undefined];
  const given = left.split(',');
  if (given.length !== shapes.length)
    throw new Error(`the equation '${equation}' is for ${given.length} inputs, not ${shapes.length}`);
  const spare = [...LETTERS].filter((letter) => !equation.includes(letter));
  const hidden = given.map((term, i) =>
    term.includes('...') ? Math.max(0, shapes[i]!.length - (term.length - 3)) : 0,
  );
  const widest = Math.max(...hidden);
  const ellipsis = spare.slice(0, widest).join('');
  const terms = given.map((term, i) => term.replace('...', ellipsis.slice(widest - hidden[i]!)));
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    if (term.length !== shapes[i]!.length)
      throw new Error(`the term '${given[i]}' of the equation does not fit [${shapes[i]}]`);
    [...term].forEach((label, axis) => {
      const [size, before] = [shapes[i]![axis]!, sizes.get(label) ?? 1];
      if (size !== before && size !== 1 && before !== 1)
        throw new Error(
          `the label '${label}' of the equation '${equation}' stands for sizes ${before} and ${size}`,
        );
      sizes.set(label, Math.max(size, before));
    });
  });
  const counts = (label: string) => terms.join('').split(label).length - 1;
  const implicit = [...sizes.keys()]
    .filter((label) => !ellipsis.includes(label) && counts(label) === 1)
    .sort();
  const output = right === undefined ? ellipsis + implicit.join('') : right.replace('...', ellipsis);
  return { terms, output, sizes };
}

/** dL/d(operand i): what the output and the other operands know of its labels, the rest repeated. */
function operandGrad(
  b: GraphBuilder,
  g: Value,
  { terms, output, sizes }: Sum,
  i: number,
  inputs: readonly Value[],
): Value {
  const [term, { shape }] = [terms[i]!, inputs[i]!];
  if (new Set(term).size !== term.length)
    throw new Error(`cannot be differentiated for the diagonal '${term}'`);
  const others = terms.flatMap((each, k) => (k === i ? [] : [{ labels: each, value: inputs[k]! }]));
  const from = [{ labels: output, value: g }, ...others];
  const known = [...term].filter(
    (label, axis) =>
      shape[axis] === sizes.get(label) &&
      from.some(({ labels, value }) => value.shape[labels.indexOf(label)] === shape[axis]),
  );
  const equation = `${from.map(({ labels }) => labels).join(',')}->${known.join('')}`;
  const sum = b.op(
    'Einsum',
    from.map(({ value }) => value),
    { equation },
  );
  const spread = shape.map((d, axis) => (known.includes(term[axis]!) ? d : 1));
  const placed = reshape(b, sum, spread);
  return sameShape(spread, shape) ? placed : b.op('Expand', [placed, b.ints(shape)]);
}

export const einsum: Readonly<Record<string, OpRule>> = {
  Einsum: {
    arity: [1, Number.POSITIVE_INFINITY],
    infer: (ctx) => {
      const { output, sizes } = parse(
        stringAttr(ctx.attrs, 'equation', ''),
        ctx.inputs.map((type) => type!.shape),
      );
      return [{ dtype: commonDtype(ctx), shape: [...output].map((label) => sizes.get(label) ?? 1) }];
    },
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const operands = inputs as Value[];
      const sum = parse(
        stringAttr(attrs, 'equation', ''),
        operands.map(({ shape }) => shape),
      );
      return operands.map((_, i) => (needs(i) ? operandGrad(b, grads[0]!, sum, i, operands) : undefined));
    },
  },
};
