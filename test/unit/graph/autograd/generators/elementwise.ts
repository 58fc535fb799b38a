import type { Sketch, Term } from '../sketch.js';
import { anyRank, type Generator, type Generators, partner } from './generator.js';

/** A function of one value whose result is at most `bound` for arguments up to `domain`. */
const unary =
  (op: string, bound: number, domain = 4): Generator =>
  (s) =>
    s.emit(op, [anyRank(s, domain)], {}, bound);

/** A function defined for positive values only. */
const ofPositive =
  (op: string, bound: number): Generator =>
  (s) =>
    s.emit(op, [s.positive(anyRank(s))], {}, bound);

/** Either order: both partial derivatives meet broadcasting. */
const swapped = (s: Sketch, x: Term, y: Term): [Term, Term] => (s.rarely(2) ? [y, x] : [x, y]);

const sum =
  (op: string): Generator =>
  (s) => {
    const x = anyRank(s);
    s.emit(op, swapped(s, x, partner(s, x)), {}, 8);
  };

/**
 * An op without a derivative as a factor of a value that has one. The operand keeps another way to the loss, for a
 * value on which it depends in steps only has no gradient to compare.
 */
const stepwise =
  (factor: (s: Sketch, x: Term) => Term): Generator =>
  (s) => {
    const x = anyRank(s, Number.POSITIVE_INFINITY);
    s.unused(x);
    const { value, bound } = factor(s, x);
    // Away from 0, so that the other factor is not wiped out.
    const steps = { value: s.b.op('Add', [value, s.b.scalar(0.5)]), bound: bound + 0.5 };
    s.emit('Mul', [steps, s.shaped(value.shape)], {}, 4 * steps.bound);
  };

const asFloat = (s: Sketch, condition: Term): Term => ({
  value: s.b.op('Cast', [condition.value], { to: 1 }),
  bound: 1,
});

const comparison = (op: string): Generator =>
  stepwise((s, x) => {
    const { value } = s.within(x, 2);
    return asFloat(s, { value: s.b.op(op, [value, s.b.scalar(s.pick([0.1, -0.3, 0.4]))]), bound: 1 });
  });

const rounding = (op: string): Generator =>
  stepwise((s, x) => ({ value: s.b.op(op, [s.within(x, 3).value]), bound: 3 }));

const logical = (op: string): Generator =>
  stepwise((s, x) => {
    const above = (limit: number) => s.b.op('Greater', [x.value, s.b.scalar(limit)]);
    return asFloat(s, { value: s.b.op(op, [above(-0.2), above(0.3)]), bound: 1 });
  });

export const elementwise: Generators = {
  Identity: unary('Identity', 4),
  Add: sum('Add'),
  Sub: sum('Sub'),
  Mul: (s) => {
    const x = anyRank(s, 2);
    // Times itself now and then: both partial derivatives belong to one value.
    s.emit('Mul', s.rarely(6) ? [x, x] : swapped(s, x, partner(s, x, 2)), {}, 4);
  },
  Div: (s) => {
    const x = anyRank(s, 2);
    s.emit('Div', [x, s.positive(partner(s, x))], {}, 2 / 0.3);
  },
  /** Any exponent of a positive base, a whole one of any. */
  Pow: (s) => {
    const x = anyRank(s);
    if (s.rarely(2)) {
      const exponent = s.pick([2, 3, 1]);
      s.emit('Pow', [s.within(x, 1.6), { value: s.b.scalar(exponent), bound: exponent }], {}, 4.1);
    } else {
      s.emit('Pow', [s.within(s.positive(x), 2), partner(s, x, 1.5)], {}, 6.2);
    }
  },
  /** The remainder with the sign of the dividend. */
  Mod: (s) => {
    const x = anyRank(s, 3);
    s.emit('Mod', [x, s.positive(partner(s, x))], { fmod: 1 }, 3);
  },
  Neg: unary('Neg', 4),
  Sin: unary('Sin', 1),
  Cos: unary('Cos', 1),
  Tan: unary('Tan', 2.6, 1.2),
  Asin: unary('Asin', 1.2, 0.9),
  Acos: unary('Acos', 2.8, 0.9),
  Atan: unary('Atan', 1.4),
  Sinh: unary('Sinh', 3.7, 2),
  Cosh: unary('Cosh', 3.8, 2),
  Asinh: unary('Asinh', 2.1),
  /** From 1.3 up. */
  Acosh: (s) => {
    const above = s.b.op('Add', [s.positive(anyRank(s)).value, s.b.scalar(1)]);
    s.emit('Acosh', [{ value: above, bound: 6 }], {}, 2.5);
  },
  Atanh: unary('Atanh', 1.5, 0.9),
  Abs: unary('Abs', 4),
  Exp: unary('Exp', 4.5, 1.5),
  Log: ofPositive('Log', 1.7),
  Sqrt: ofPositive('Sqrt', 2.3),
  Reciprocal: ofPositive('Reciprocal', 3.4),
  Sign: stepwise((s, x) => ({ value: s.b.op('Sign', [x.value]), bound: 1 })),
  Floor: rounding('Floor'),
  Ceil: rounding('Ceil'),
  Round: rounding('Round'),
  Greater: comparison('Greater'),
  GreaterOrEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessOrEqual: comparison('LessOrEqual'),
  /** Of rounded values: float32 and float64 agree on those. */
  Equal: stepwise((s, x) => {
    const rounded = s.b.op('Floor', [s.within(x, 2).value]);
    return asFloat(s, { value: s.b.op('Equal', [rounded, s.b.scalar(s.pick([0, -1, 1]))]), bound: 1 });
  }),
  Not: stepwise((s, x) => {
    const condition = s.b.op('Less', [x.value, s.b.scalar(s.pick([0.1, -0.2]))]);
    return asFloat(s, { value: s.b.op('Not', [condition]), bound: 1 });
  }),
  And: logical('And'),
  Or: logical('Or'),
  Xor: logical('Xor'),
  Where: (s) => {
    const x = anyRank(s);
    const test = s.rarely(2) ? x : s.constant(x.value.shape);
    const condition = { value: s.b.op('Greater', [test.value, s.b.scalar(s.pick([0.1, -0.2]))]), bound: 1 };
    s.emit('Where', [condition, ...swapped(s, x, partner(s, x))], {}, 4);
  },
  /** To double precision and back. */
  Cast: (s) => {
    const wide = s.b.op('Cast', [anyRank(s).value], { to: 11 });
    s.emit('Cast', [{ value: s.b.op('Neg', [wide]), bound: 4 }], { to: 1 }, 4);
  },
};
