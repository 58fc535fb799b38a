import { describe, expect, it } from 'vitest';
import type { Point } from '../../../src/contracts.js';
import { alignmentQuad } from '../../../src/models/face/align.js';
import { measurePhoto } from '../../../src/models/metrics/photo.js';
import { photoWarnings } from '../../../src/models/metrics/photo-warnings.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

const SIZE = 256;

interface Look {
  /** Factor on every value 0..1. */
  light?: number;
  grey?: boolean;
  /** Stripes and pores as wide as a blur leaves them. */
  blurred?: boolean;
  /** Fractions of the aligned square painted over: left, top, right, bottom. */
  covered?: readonly [number, number, number, number];
}

/** Centres of eyes and mouth. */
const FEATURES = [
  [0.375, 0.474],
  [0.625, 0.474],
  [0.5, 0.74],
];

/** Skin with pores, and eyes and mouth of fine stripes, where FFHQ has them. */
function drawn({
  light = 1,
  grey = false,
  blurred = false,
  covered = [0, 0, 0, 0],
}: Look = {}): Float32Array {
  const [left, top, right, bottom] = covered;
  const out = new Float32Array(3 * SIZE * SIZE);
  const colour = [0.8, 0.6, 0.5];
  const fine = blurred ? 0.2 : 1.1;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const [u, v] = [x / SIZE, y / SIZE];
        const feature = Math.max(
          ...FEATURES.map(([cx, cy]) => Math.exp(-(((u - cx!) / 0.08) ** 4) - ((v - cy!) / 0.05) ** 4)),
        );
        const hidden = u > left && u < right && v > top && v < bottom;
        const texture = 0.25 * feature * Math.cos(fine * y) + 0.03 * Math.cos(fine * (x + y)) + 0.1 * v;
        const value = hidden ? 0.2 : (grey ? 0.6 : colour[c]!) + texture;
        out[(c * SIZE + y) * SIZE + x] = 2 * Math.min(1, light * value) - 1;
      }
    }
  }
  return out;
}

/** A face whose eyes are 100 px apart, in the middle of a photo of 2000 px. */
function shown({
  degrees = 0,
  scale = 1,
  at = [1000, 1000] as Point,
  landmarks = syntheticLandmarks(),
} = {}) {
  const placed = moved(landmarks, degrees, scale, at);
  return { landmarks: placed, quad: alignmentQuad(placed), target: drawn(), width: 2000, height: 2000 };
}

const codes = (face: Parameters<typeof measurePhoto>[0]) =>
  photoWarnings(measurePhoto(face)).map(({ code }) => code);

/** Landmarks of a turned head: the tip of the nose moves by this share of the half width of the jaw. */
const turned = (share: number) =>
  syntheticLandmarks().map(([x, y], i): Point => (i === 30 ? [90 * share, y] : [x, y]));

/** A head of this face that looks up: heights shrink, and the tip of the nose, which stands out, rises. */
const lifted = (degrees: number) => {
  const a = (degrees * Math.PI) / 180;
  const way = 110;
  return syntheticLandmarks().map(([x, y], i): Point => {
    const height = i === 30 ? 0.57 * way * Math.cos(a) - 0.42 * way * Math.sin(a) : y * Math.cos(a);
    return [x, height];
  });
};

describe('a photo', () => {
  it('of a plain face gives no warning', () => {
    const measures = measurePhoto(shown());
    expect(measures.side).toBeCloseTo(400, -1);
    expect(measures.roll).toBeCloseTo(0, 6);
    expect(measures.yaw).toBeCloseTo(0, 6);
    expect(measures.outside).toBe(0);
    // Cb and Cr of the skin; the texture is grey.
    expect(measures.chroma).toBeCloseTo(Math.hypot(0.564 * (0.5 - 0.6484), 0.713 * (0.8 - 0.6484)), 2);
    expect(photoWarnings(measures)).toEqual([]);
  });

  it.each([
    ['TINY', shown({ scale: 0.5 })],
    ['CUT_OFF', shown({ at: [100, 1000] })],
    ['TILTED', shown({ degrees: 35 })],
    ['TILTED', shown({ degrees: -35 })],
    ['PROFILE', shown({ landmarks: turned(0.6) })],
    ['PROFILE', shown({ landmarks: turned(-0.9) })],
    ['DARK', { ...shown(), target: drawn({ light: 0.3 }) }],
    ['GREY', { ...shown(), target: drawn({ grey: true }) }],
    ['BLURRED', { ...shown(), target: drawn({ blurred: true }) }],
    ['OCCLUDED', { ...shown(), target: drawn({ covered: [0.25, 0.4, 0.75, 0.55] }) }],
    ['OCCLUDED', { ...shown(), target: drawn({ covered: [0.3, 0.65, 0.7, 0.9] }) }],
  ] as const)('is warned about by %s (%#)', (code, face) => {
    expect(codes(face)).toContain(code);
  });

  it.each([
    ['tilted', shown({ degrees: 29 })],
    ['turned', shown({ landmarks: turned(0.5) })],
    ['in half the light', { ...shown(), target: drawn({ light: 0.6 }) }],
    ['of unknown size', { ...shown({ at: [100, 1000] }), width: undefined, height: undefined }],
  ])('is not warned about within the bounds: %s', (_, face) => {
    expect(codes(face)).toEqual([]);
  });

  it('measures tilt, turn and what is missing in their units', () => {
    expect(measurePhoto(shown({ degrees: -35 })).roll).toBeCloseTo(-35, 6);
    expect(measurePhoto(shown({ landmarks: turned(0.83 * Math.sin(Math.PI / 6)) })).yaw).toBeCloseTo(30, 6);
    // The square has its middle on the border, then all of it beyond.
    expect(measurePhoto(shown({ at: [0, 1000] })).outside).toBeCloseTo(0.5, 1);
    expect(measurePhoto(shown({ at: [-900, 1000] })).outside).toBe(1);
  });

  it.each([-40, -10, 0, 25])('measures how far the head looks up: %i degrees', (degrees) => {
    for (const tilt of [0, 20]) {
      const { pitch } = measurePhoto(shown({ landmarks: lifted(degrees), degrees: tilt }));
      expect(pitch).toBeCloseTo(degrees, 6);
    }
  });

  it('names the features that are covered, with measure and bound', () => {
    const target = drawn({ covered: [0.5, 0.35, 0.8, 0.6] });
    const [warning] = photoWarnings(measurePhoto({ ...shown(), target }));
    expect(warning!.text).toMatch(/0\.4 .*at: right eye \(0\.\d\d\)\.$/);
  });

  it('of one colour is measured too', () => {
    const measures = measurePhoto({ ...shown(), target: new Float32Array(3 * SIZE * SIZE).fill(0.1) });
    expect(Object.values(measures.detail)).toEqual([0, 0, 0]);
    expect(measures.sharpness).toBe(0);
  });
});
