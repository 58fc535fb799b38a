import { describe, expect, it } from 'vitest';
import type { Point, Quad } from '../../../src/contracts.js';
import { alignmentQuad } from '../../../src/models/face/align.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

const ORIGIN: Point = [0, 0];

function expectQuad(actual: Quad, expected: readonly Point[]) {
  actual.forEach((corner, i) => {
    expect(Math.hypot(corner[0] - expected[i]![0], corner[1] - expected[i]![1])).toBeLessThan(1e-9);
  });
}

describe('alignmentQuad', () => {
  it('takes twice the distance of the eyes each way, corners top left, bottom left, bottom right, top right', () => {
    // e = (100, 0), m = (0, 110): half a side = max(2 * 100, 1.8 * 110) = 200, centre = 0.1 m below the eyes.
    const quad = alignmentQuad(syntheticLandmarks());
    expectQuad(quad, [[-200, -189], [-200, 211], [200, 211], [200, -189]]); // biome-ignore format: corners
  });

  it('takes 1.8 times the distance from eyes to mouth where that is more', () => {
    const long = syntheticLandmarks().map(([x, y]): Point => [x, 2 * y]);
    const half = 1.8 * 220;
    expectQuad(alignmentQuad(long), [
      [-half, 22 - half],
      [-half, 22 + half],
      [half, 22 + half],
      [half, 22 - half],
    ]);
  });

  it.each([30, -30, 90, 179])('turns with a face turned by %i degrees', (degrees) => {
    const upright = alignmentQuad(syntheticLandmarks());
    expectQuad(
      alignmentQuad(moved(syntheticLandmarks(), degrees, 1, ORIGIN)),
      moved(upright, degrees, 1, ORIGIN),
    );
  });

  it.each([0.1, 7])('scales and moves with a face of %d times the size', (scale) => {
    const upright = alignmentQuad(syntheticLandmarks());
    const to: Point = [512.5, -33];
    expectQuad(alignmentQuad(moved(syntheticLandmarks(), 12, scale, to)), moved(upright, 12, scale, to));
  });

  it('stays a square for a face seen from the side', () => {
    const profile = syntheticLandmarks().map(([x, y]): Point => [0.3 * x + 0.2 * y, y]);
    const [a, b, c, d] = alignmentQuad(profile);
    const sides = [[a, b], [b, c], [c, d], [d, a]] as const; // biome-ignore format: pairs
    const lengths = sides.map(([p, q]) => Math.hypot(p[0] - q[0], p[1] - q[1]));
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(1e-9);
  });

  it('refuses another number of landmarks', () => {
    expect(() => alignmentQuad(syntheticLandmarks().slice(1))).toThrow(
      'Expected 68 landmarks but received 67',
    );
  });
});
