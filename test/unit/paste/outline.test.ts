import { describe, expect, it } from 'vitest';
import type { Point, Quad } from '../../../src/contracts.js';
import { alignmentQuad } from '../../../src/models/face/align.js';
import { convexHull, edgesOf, faceOutline, intoSquare } from '../../../src/models/paste/outline.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

const inside = (outline: readonly Point[], [x, y]: Point): boolean =>
  edgesOf(outline).every(([a, b, c]) => a * x + b * y + c > 0);

describe('intoSquare', () => {
  it('takes the corners of a turned quad to those of the unit square', () => {
    const quad = alignmentQuad(moved(syntheticLandmarks(), 33, 1.7, [400, 300]));
    const corners = quad.map(intoSquare(quad));
    const expected: Quad = [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 0],
    ];
    corners.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(expected.flat()[i]!, 12);
    });
  });
});

describe('convexHull', () => {
  it('leaves out what lies inside or on an edge, and turns clockwise in a picture', () => {
    const hull = convexHull([
      [0, 0],
      [4, 0],
      [2, 0],
      [4, 4],
      [1, 2],
      [0, 4],
    ]);
    expect(hull).toEqual([
      [0, 0],
      [4, 0],
      [4, 4],
      [0, 4],
    ]);
  });
});

describe('edgesOf', () => {
  it('gives the distance in pixels, positive inside', () => {
    const edges = edgesOf([
      [0, 0],
      [10, 0],
      [10, 6],
      [0, 6],
    ]);
    expect(edges.map(([a, b, c]) => a * 3 + b * 2 + c)).toEqual([2, 7, 4, 3]);
    expect(Math.min(...edges.map(([a, b, c]) => a * 12 + b * 2 + c))).toBe(-2);
  });
});

describe('faceOutline', () => {
  const landmarks = syntheticLandmarks();
  const outline = faceOutline(landmarks);

  it('holds brows, eyes and mouth, and a forehead that ends below the hair', () => {
    for (const i of [17, 21, 22, 26, 36, 45, 48, 54]) expect(inside(outline, landmarks[i]!)).toBe(true);
    // The brows lie at -40, the base of the nose at 60: the hairline would be at -140.
    expect(inside(outline, [0, -85])).toBe(true);
    expect(inside(outline, [0, -105])).toBe(false);
    expect(inside(outline, [-80, -60])).toBe(false);
  });

  it('ends at the jaw', () => {
    expect(inside(outline, [0, 145])).toBe(true);
    expect(inside(outline, [0, 155])).toBe(false);
  });

  it('turns, grows and moves with the face', () => {
    const place = [50, 2, [300, 100]] as const;
    const turned = faceOutline(moved(landmarks, place[0], place[1], [...place[2]]));
    const expected = moved(outline, place[0], place[1], [...place[2]]);
    for (const corner of expected) {
      const nearest = Math.min(
        ...turned.map((other) => Math.hypot(other[0] - corner[0], other[1] - corner[1])),
      );
      expect(nearest).toBeLessThan(1e-9);
    }
  });

  it('refuses another number of landmarks', () => {
    expect(() => faceOutline(landmarks.slice(1))).toThrow('Expected 68 landmarks but received 67');
  });
});
