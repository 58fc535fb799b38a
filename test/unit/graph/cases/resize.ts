import type { GraphBuilder } from '../../../../src/models/graph/builder.js';
import type { Attributes, Value } from '../../../../src/models/graph/ir.js';
import { f32, type Shape } from '../../../../src/models/graph/tensor.js';
import type { OpCase } from './op-case.js';

const byScales =
  (...scales: number[]) =>
  (b: GraphBuilder): (Value | undefined)[] => [undefined, b.constant(f32(scales, [scales.length]))];
const bySizes =
  (...sizes: number[]) =>
  (b: GraphBuilder): (Value | undefined)[] => [undefined, undefined, b.ints(sizes)];

const nearest = (coordinates: string, rounding: string): Attributes => ({
  mode: 'nearest',
  coordinate_transformation_mode: coordinates,
  nearest_mode: rounding,
});
const smooth = (mode: string, coordinates: string): Attributes => ({
  mode,
  coordinate_transformation_mode: coordinates,
});

const resizeCase = (
  title: string,
  shape: Shape,
  constants: NonNullable<OpCase['constants']>,
  attrs: Attributes,
): OpCase => ({ op: 'Resize', title, inputs: [shape], constants, attrs });

const image = [1, 2, 3, 4];
const twice = byScales(1, 1, 2, 2);

export const resize: readonly OpCase[] = [
  resizeCase('nearest, twice', image, twice, nearest('asymmetric', 'floor')),
  resizeCase(
    'nearest, blocks of 3 x 2',
    image,
    bySizes(1, 2, 9, 8),
    nearest('half_pixel', 'round_prefer_floor'),
  ),
  resizeCase('nearest, one axis', image, byScales(1, 1, 1, 3), nearest('asymmetric', 'floor')),
  resizeCase('nearest, no whole factor', image, bySizes(1, 2, 5, 7), nearest('asymmetric', 'floor')),
  resizeCase(
    'nearest, smaller',
    [1, 1, 6, 7],
    bySizes(1, 1, 4, 3),
    nearest('half_pixel', 'round_prefer_ceil'),
  ),
  resizeCase('nearest, rounded up', image, byScales(1, 1, 1.5, 2.5), nearest('asymmetric', 'ceil')),
  resizeCase('nearest, a sequence', [2, 3, 5], byScales(1, 1, 2), nearest('asymmetric', 'floor')),
  resizeCase('linear, twice', image, twice, smooth('linear', 'half_pixel')),
  resizeCase('linear, PyTorch', image, bySizes(1, 2, 1, 6), smooth('linear', 'pytorch_half_pixel')),
  resizeCase('linear, corners aligned', image, bySizes(1, 2, 7, 5), smooth('linear', 'align_corners')),
  resizeCase('linear, asymmetric', image, twice, smooth('linear', 'asymmetric')),
  resizeCase('linear, smaller', [1, 1, 7, 8], byScales(1, 1, 0.5, 0.6), smooth('linear', 'half_pixel')),
  resizeCase('linear, a sequence', [2, 2, 5], byScales(1, 1, 1.7), smooth('linear', 'half_pixel')),
  resizeCase('cubic, twice', image, twice, smooth('cubic', 'half_pixel')),
  resizeCase('cubic, corners aligned', image, bySizes(1, 2, 7, 5), smooth('cubic', 'align_corners')),
  resizeCase('cubic, outside left out', image, twice, {
    ...smooth('cubic', 'half_pixel'),
    cubic_coeff_a: -0.5,
    exclude_outside: 1,
  }),
  resizeCase('chosen axes', image, bySizes(6, 4), { ...smooth('linear', 'half_pixel'), axes: [2, 3] }),
  resizeCase('linear against aliasing', [1, 1, 7, 8], bySizes(1, 1, 3, 5), {
    ...smooth('linear', 'half_pixel'),
    antialias: 1,
  }),
  resizeCase('linear against aliasing, outside left out', [1, 1, 7, 8], byScales(1, 1, 0.4, 2), {
    ...smooth('linear', 'half_pixel'),
    antialias: 1,
    exclude_outside: 1,
  }),
  resizeCase('cubic against aliasing', [1, 1, 9, 8], bySizes(1, 1, 3, 5), {
    ...smooth('cubic', 'half_pixel'),
    antialias: 1,
  }),
];
