import { describe, expect, it } from 'vitest';
import { mirrorOf } from '../../../src/models/face/landmarks.js';
import { syntheticLandmarks } from '../../support/landmarks.js';

describe('mirrorOf', () => {
  it('exchanges landmarks in pairs', () => {
    for (let i = 0; i < 68; i++) expect(mirrorOf(mirrorOf(i))).toBe(i);
  });

  it('names the landmark at the mirrored place of a symmetric face', () => {
    const face = syntheticLandmarks();
    face.forEach(([x, y], i) => {
      const [mx, my] = face[mirrorOf(i)]!;
      expect(mx).toBeCloseTo(-x, 9);
      expect(my).toBeCloseTo(y, 9);
    });
  });
});
