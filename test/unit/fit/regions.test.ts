/** How the region map is made: places from landmarks, styles from what they were measured to do. */
import { describe, expect, test } from 'vitest';
import { faceOf, near, onGrid, ramp } from '../../../fit/landmark-regions.js';
import { regionMap, styleGroups } from '../../../fit/region-map.js';
import { styleEffects } from '../../../fit/style-effects.js';
import { KEPT, type Look } from '../../../fit/swaps.js';
import { REGION_PARTS, type RegionPart, STYLES } from '../../../src/contracts.js';
import { MASK_SIDE } from '../../../src/models/regions/map.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

/** The face fills half of the image, its eyes in the middle: all in shares of the side. */
const points = moved(syntheticLandmarks(), 0, 0.0025, [0.5, 0.45]);
const landmarks = Float32Array.from(points.flat());
const face = faceOf(landmarks);
const PLANE = KEPT * KEPT;

describe('regions of a face', () => {
  test('lie around their landmarks', () => {
    const [x, y] = points[30]!;
    expect(face.nose(x, y - 0.02)).toBeLessThan(0.001);
    expect(face.mouth(0.5, 0.725)).toBeLessThan(0);
    expect(face.eyes(0.375, 0.45)).toBeLessThan(0);
    expect(face.lids(0.375, 0.45)).toBeCloseTo(-0.0173, 3);
    expect(face.mouth(0.5, 0.725 + 0.0375 + 0.1)).toBeCloseTo(0.1, 6);
    expect(face.jaw(...points[8]!)).toBeCloseTo(0, 6);
    expect(face.chin).toBeCloseTo(points[8]![1], 6);
  });

  test('the forehead is part of the head, not of the face', () => {
    expect(face.face(0.5, 0.3)).toBeGreaterThan(0);
    expect(face.head(0.5, 0.3)).toBeLessThan(0);
    expect(face.head(0.5, 0.05)).toBeGreaterThan(0);
  });

  test('fade from 1 to 0 around their margin', () => {
    expect([ramp(-1, 2), ramp(0, 2), ramp(0.5, 2), ramp(5, 2)]).toEqual([0, 0.5, 0.75, 1]);
    const area = near(face.mouth, 0.02);
    expect(area(0.5, 0.725)).toBe(1);
    expect(area(0.5, 0.725 + 0.0375 + 0.02)).toBeCloseTo(0.5, 5);
    expect(area(0.5, 0.725 + 0.0375 + 0.05)).toBe(0);
  });

  test('are averaged over faces, place by place', () => {
    expect([...onGrid([(x) => Number(x < 0.5), () => 1], 2)]).toEqual([1, 0.5, 1, 0.5]);
  });
});

/** A pair: its first face, and that face as each style changes it. */
const look = (value: (i: number) => number, at: Float32Array = landmarks): Look => ({
  image: Float32Array.from({ length: 3 * PLANE }, (_, i) => value(i)),
  landmarks: at,
});
const shifted = (from: number, to: number, by: number): Float32Array<ArrayBuffer> =>
  landmarks.map((value, i) => (i % 2 === 1 && i >= 2 * from && i <= 2 * to + 1 ? value + by : value));

describe('effects of styles', () => {
  test('a flat change of colour is told from one of structure', () => {
    const { flat } = styleEffects([[look(() => 0), look(() => 0.5), look((i) => (i % 2 ? 0.5 : -0.5))]]);
    expect(flat[0]).toBeCloseTo(1, 6);
    expect(flat[1]).toBeLessThan(0.01);
  });

  test('a style that moves eyes and brows is told from one that moves the mouth', () => {
    const { eyes } = styleEffects([
      [look(() => 0), look(() => 1, shifted(17, 26, 0.02)), look(() => 1, shifted(48, 67, 0.02))],
    ]);
    expect(eyes[0]).toBe(1);
    expect(eyes[1]).toBeLessThan(0.7);
  });

  test('how the whole face turns and grows does not count', () => {
    const brows = shifted(17, 26, 0.02);
    const pairs = Array.from({ length: brows.length / 2 }, (_, i): [number, number] => [
      brows[2 * i]!,
      brows[2 * i + 1]!,
    ]);
    const turned = Float32Array.from(moved(pairs, 10, 1.1, [0.05, 0]).flat());
    const { eyes } = styleEffects([[look(() => 0), look(() => 1, brows), look(() => 1, turned)]]);
    expect(eyes[1]).toBeCloseTo(eyes[0]!, 3);
  });

  test('pairs without a face are left out, and none at all is an error', () => {
    const lost = look(() => 1, new Float32Array(landmarks.length).fill(Number.NaN));
    const pair = [look(() => 0), look(() => 0.5)];
    expect(styleEffects([pair, [look(() => 0), lost]])).toEqual(styleEffects([pair]));
    expect(() => styleEffects([[look(() => 0), lost]])).toThrow('Expected pairs with faces');
  });
});

describe('the map', () => {
  const flat = Array.from({ length: STYLES }, (_, style) => (style < 8 ? 0.1 : 0.6));
  const eyes = Array.from({ length: STYLES }, (_, style) => 1 / (style + 1) ** 0.5);
  const groups = styleGroups({ flat, eyes });

  test('parts the styles where colour takes over from structure', () => {
    expect(groups).toEqual({
      structure: [0, 1, 2, 3, 4, 5, 6, 7],
      look: [8, 9, 10, 11, 12, 13, 14, 15],
      hair: [0, 1, 2, 3, 4, 5, 6, 7, 8],
      held: [0, 1, 2, 3],
    });
  });

  test('has a mask by part and style, with each part in its place', () => {
    const map = regionMap([face], groups, STYLES);
    expect([...map.keys()]).toEqual([...REGION_PARTS]);
    const at = (part: RegionPart, style: number, x: number, y: number): number =>
      map.get(part)![
        (style * MASK_SIDE + Math.floor(y * MASK_SIDE)) * MASK_SIDE + Math.floor(x * MASK_SIDE)
      ]!;
    const mouth = [0.5, 0.725] as const;
    expect([at('mouth', 5, ...mouth), at('mouth', 12, ...mouth), at('eyes', 5, ...mouth)]).toEqual([1, 1, 0]);
    const eye = [0.375, 0.45] as const;
    expect([at('expression', 7, ...mouth), at('expression', 12, ...mouth)]).toEqual([1, 1]);
    expect([at('expression', 3, ...eye), at('expression', 4, ...eye)]).toEqual([1, 0]);
    expect([at('eyes', 4, ...eye), at('nose', 4, ...eye)]).toEqual([1, 0]);
    expect([at('hair', 8, 0.5, 0.15), at('hair', 9, 0.5, 0.15), at('hair', 8, ...mouth)]).toEqual([
      expect.closeTo(0.8, 0),
      0,
      0,
    ]);
    expect(at('shape', 4, 0.5, 0.82)).toBeGreaterThan(0.5);
  });

  test('a small part grows where the layer has few cells', () => {
    const mouth = regionMap([face], groups, STYLES).get('mouth')!;
    const total = (style: number): number =>
      mouth.subarray(style * MASK_SIDE ** 2, (style + 1) * MASK_SIDE ** 2).reduce((sum, x) => sum + x, 0);
    expect(total(1)).toBeGreaterThan(1.2 * total(7));
  });
});
