import type { Attributes } from '../../../../../src/models/graph/ir.js';
import { anyAxis, anyRank, type Generator, type Generators, ofRank, partner } from './generator.js';

/** Attributes are drawn from those given; with none of them, ONNX's defaults hold. */
const ofOne =
  (op: string, bound: number, attributes: readonly Attributes[] = [{}]): Generator =>
  (s) =>
    s.emit(op, [anyRank(s)], s.pick(attributes), bound);

/** Along an axis, by default the last. */
const alongAxis =
  (op: string, bound: number): Generator =>
  (s) => {
    const x = s.operand({ fits: ofRank(1, 4), otherwise: () => [2, 5] });
    s.emit(op, [x], s.rarely(4) ? {} : { axis: anyAxis(s, x.value.shape.length) }, bound);
  };

const alphas = (...list: number[]): Attributes[] => [{}, ...list.map((alpha) => ({ alpha }))];

const extremum =
  (op: string): Generator =>
  (s) => {
    const x = anyRank(s);
    const others = Array.from({ length: s.between(0, 2) }, () => partner(s, x));
    s.emit(op, [x, ...others], {}, 4);
  };

export const activation: Generators = {
  Relu: ofOne('Relu', 4),
  LeakyRelu: ofOne('LeakyRelu', 8, alphas(0.2, 2, -0.5)),
  Elu: ofOne('Elu', 8, alphas(0.5, 2)),
  Selu: ofOne('Selu', 8, [{}, { alpha: 1.2, gamma: 0.8 }]),
  Celu: ofOne('Celu', 8, alphas(0.5, 2)),
  ThresholdedRelu: ofOne('ThresholdedRelu', 4, alphas(0.2, 0)),
  Softsign: ofOne('Softsign', 1),
  HardSigmoid: ofOne('HardSigmoid', 1, [{}, { alpha: 0.5, beta: 0.3 }]),
  HardSwish: ofOne('HardSwish', 4),
  Mish: ofOne('Mish', 4),
  Sigmoid: ofOne('Sigmoid', 1),
  Tanh: ofOne('Tanh', 1),
  Softplus: ofOne('Softplus', 4.1),
  Erf: ofOne('Erf', 1),
  Clip: (s) => {
    const [low, high] = [s.constant([], -0.6, -0.1), s.constant([], 0.1, 0.6)];
    const bounds = s.pick([[low, high], [low, undefined], [undefined, high], [low]]);
    s.emit('Clip', [anyRank(s, 2), ...bounds], {}, 2);
  },
  Softmax: alongAxis('Softmax', 1),
  LogSoftmax: alongAxis('LogSoftmax', 14),
  /** The slope broadcasts to the input, and not the other way. */
  PRelu: (s) => {
    const x = anyRank(s);
    const { shape } = x.value;
    const slopes = shape.map((d) => (s.rarely(2) ? d : 1)).slice(s.draw(shape.length));
    s.emit('PRelu', [x, s.parameter(slopes, -0.5, 0.5)], {}, 4);
  },
  Max: extremum('Max'),
  Min: extremum('Min'),
};
