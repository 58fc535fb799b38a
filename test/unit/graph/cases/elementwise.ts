import { awayFromZero, chosen, ints, type OpCase, positive, SMALL_STEP } from './op-case.js';

export const elementwise: readonly OpCase[] = [
  { op: 'Identity', inputs: [[2, 3]] },
  {
    op: 'Add',
    inputs: [
      [2, 3, 4],
      [3, 1],
    ],
  },
  {
    op: 'Sub',
    inputs: [
      [3, 1],
      [2, 3, 4],
    ],
  },
  {
    op: 'Mul',
    inputs: [
      [2, 3, 4],
      [1, 3, 1],
    ],
  },
  { op: 'Div', inputs: [[2, 3], [3]], map: positive },
  { op: 'Pow', inputs: [[2, 3], [3]], map: positive },
  { op: 'Neg', inputs: [[5]] },
  { op: 'Abs', inputs: [[9]], map: awayFromZero },
  { op: 'Exp', inputs: [[5]] },
  { op: 'Log', inputs: [[5]], map: positive },
  { op: 'Sqrt', inputs: [[5]], map: positive },
  { op: 'Reciprocal', inputs: [[5]], map: positive },
  { op: 'Where', inputs: [[2, 3], [3]], operands: ([x, y], b) => [chosen(b), x, y] },
  { op: 'Cast', inputs: [[4]], attrs: { to: 1 } },
  { op: 'Max', step: SMALL_STEP, inputs: [[2, 5], [5]] },
  { op: 'Min', step: SMALL_STEP, inputs: [[2, 5], [5], [2, 1]] },
  { op: 'Pow', title: 'squares of numbers of any sign', inputs: [[7]], constants: (b) => [b.scalar(2)] },
  { op: 'Pow', title: 'exponent 1', inputs: [[7]], constants: (b) => [b.scalar(1)] },
  { op: 'Pow', title: 'exponent 0 at 0', inputs: [[3]], constants: (b) => [b.scalar(0)], map: () => 0 },
  { op: 'Pow', title: 'whole exponents', inputs: [[2, 3]], constants: ints([3, 0, 1]) },
  { op: 'Mod', inputs: [[5], [5]], attrs: { fmod: 1 }, map: positive, step: SMALL_STEP },
  { op: 'Sin', inputs: [[5]] },
  { op: 'Cos', inputs: [[5]] },
  { op: 'Tan', inputs: [[5]], map: (x) => x / 2 },
  { op: 'Atan', inputs: [[5]] },
  { op: 'Sinh', inputs: [[5]] },
  { op: 'Cosh', inputs: [[5]] },
  { op: 'Asin', inputs: [[5]], map: (x) => x / 2 },
  { op: 'Acos', inputs: [[5]], map: (x) => x / 2 },
  { op: 'Asinh', inputs: [[5]] },
  { op: 'Acosh', inputs: [[5]], map: (x) => 2 + x / 2 },
  { op: 'Atanh', inputs: [[5]], map: (x) => x / 2 },
];
