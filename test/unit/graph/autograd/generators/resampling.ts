/** Ops that change a picture's size or repeat it. */
import type { Attributes } from '../../../../../src/models/graph/ir.js';
import { f32, type Shape, sizeOf } from '../../../../../src/models/graph/tensor.js';
import { MAX_SIZE, type Sketch, type Term } from '../sketch.js';
import { type Generators, ints, ofRank } from './generator.js';

const picture = (s: Sketch): Term =>
  s.operand({
    fits: (shape) => ofRank(4)(shape) && sizeOf(shape) <= MAX_SIZE / 6,
    otherwise: () => [1, s.between(1, 3), s.between(2, 4), s.between(2, 4)],
  });

/** Scales of the two sides, or sizes: what PyTorch exports has either. */
function target(s: Sketch, [n, c, h, w]: Shape): (Term | undefined)[] {
  const [y, x] = [s.pick([2, 1, 3]), s.pick([2, 3, 1])];
  if (s.rarely(2))
    return [undefined, undefined, ints(s, [n!, c!, Math.max(1, h! * y - s.draw(2)), w! * x + s.draw(2)])];
  return [undefined, { value: s.b.constant(f32([1, 1, y, x], [4])), bound: 0 }];
}

const FORMS: readonly Attributes[] = [
  { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' },
  { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
  { mode: 'linear', coordinate_transformation_mode: 'asymmetric' },
  { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  { mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_floor' },
  { mode: 'nearest', coordinate_transformation_mode: 'align_corners', nearest_mode: 'round_prefer_ceil' },
  { mode: 'cubic', coordinate_transformation_mode: 'pytorch_half_pixel' },
  { mode: 'cubic', coordinate_transformation_mode: 'align_corners', cubic_coeff_a: -0.5 },
];
/** As PyTorch smooths: what lies outside has no weight. */
const SMOOTHED: readonly Attributes[] = [
  { mode: 'linear', antialias: 1, exclude_outside: 1 },
  { mode: 'cubic', antialias: 1, exclude_outside: 1, cubic_coeff_a: -0.5 },
];

export const resampling: Generators = {
  Resize: (s) => {
    const x = picture(s);
    const [n, c, h, w] = x.value.shape;
    if (s.rarely(4)) {
      const smaller = [s.between(1, h!), s.between(1, w!)];
      return s.emit('Resize', [x, undefined, undefined, ints(s, [n!, c!, ...smaller])], s.pick(SMOOTHED), 6);
    }
    s.emit('Resize', [x, ...target(s, x.value.shape)], s.pick(FORMS), 6);
  },
  Tile: (s) => {
    const x = s.operand({
      fits: (shape) => ofRank(1, 4)(shape) && sizeOf(shape) <= MAX_SIZE / 12,
      otherwise: () => [2, 3],
    });
    s.emit(
      'Tile',
      [
        x,
        ints(
          s,
          x.value.shape.map(() => s.pick([1, 2, 1, 3])),
        ),
      ],
      {},
      4,
    );
  },
};
