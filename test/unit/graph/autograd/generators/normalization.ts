/** Normalisations; epsilons are large, for values that hardly differ make any of them ill-conditioned. */
import type { Sketch, Term } from '../sketch.js';
import { anyRank, type Generator, type Generators, ofRank } from './generator.js';

const EPSILON = [0.1, 0.03, 0.5];

/** [N,C,...] with at least two axes after the channels or a long one. */
const channelled = (s: Sketch): Term =>
  s.operand({ fits: (shape) => ofRank(3, 4)(shape), otherwise: () => [2, 3, 3, 2] });

/** Scale and shift, frozen or activations. */
const affine = (s: Sketch, shape: number[]): Term[] => [s.parameter(shape, 0.3, 1.5), s.parameter(shape)];

const perChannel =
  (op: string, others: (s: Sketch, channels: number) => Term[]): Generator =>
  (s) => {
    const x = channelled(s);
    const channels = x.value.shape[1]!;
    s.emit(op, [x, ...affine(s, [channels]), ...others(s, channels)], { epsilon: s.pick(EPSILON) }, 20);
  };

export const normalization: Generators = {
  /** In inference mode, with constant statistics. */
  BatchNormalization: perChannel('BatchNormalization', (s, c) => [
    s.constant([c]),
    s.constant([c], 0.3, 1.5),
  ]),
  InstanceNormalization: perChannel('InstanceNormalization', () => []),
  LayerNormalization: (s) => {
    const x = anyRank(s);
    const { shape } = x.value;
    const axis = s.draw(shape.length);
    const normalised = shape.slice(axis);
    const inputs = s.rarely(3) ? [x, s.parameter(normalised, 0.3, 1.5)] : [x, ...affine(s, normalised)];
    s.emit(
      'LayerNormalization',
      inputs,
      { axis: s.rarely(2) ? axis - shape.length : axis, epsilon: s.pick(EPSILON) },
      20,
    );
  },
};
