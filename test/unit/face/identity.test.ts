import { describe, expect, it } from 'vitest';
import { descriptorDistance, identityCrop } from '../../../src/models/face/identity.js';

const SIDE = 1024;

/** Image [3,1024,1024] from a function of channel, row and column. */
const image = (value: (c: number, y: number, x: number) => number) =>
  Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const [c, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    return value(c, y, x);
  });

describe('the crop that tells who a face is', () => {
  it('is the mean of 4 x 4 pixels from row 300 and column 212 on, 0..255', () => {
    const crop = identityCrop(image((c, y, x) => (c === 1 ? (y - 300) / 600 : (x - 212) / 600)));
    expect(crop).toHaveLength(3 * 150 * 150);
    // The mean of rows 40..43 from the crop's top is 41.5.
    expect(crop[(150 + 10) * 150 + 3]).toBeCloseTo((41.5 / 600 + 1) * 127.5, 3);
    expect(crop[149]).toBeCloseTo((597.5 / 600 + 1) * 127.5, 3);
  });

  it('clips what a generator draws beyond the range of a picture', () => {
    const crop = identityCrop(image((c) => (c === 0 ? 3 : -3)));
    expect(crop[0]).toBe(255);
    expect(crop[150 * 150]).toBe(0);
  });

  it('refuses an image of another size', () => {
    expect(() => identityCrop(new Float32Array(3 * 256 * 256))).toThrow(
      'Expected an image [3,1024,1024] but received 196608 values',
    );
  });
});

describe('the distance of two descriptors', () => {
  const unit = (i: number, length: number) => {
    const d = new Float32Array(128);
    d[i] = length;
    return d;
  };

  it('is Euclidean', () => {
    expect(descriptorDistance(unit(0, 3), unit(5, 4))).toBeCloseTo(5, 6);
    expect(descriptorDistance(unit(7, 1), unit(7, 1))).toBe(0);
  });

  it('is refused for anything but 128 values', () => {
    expect(() => descriptorDistance(new Float32Array(127), unit(0, 1))).toThrow('received 127, 128');
  });
});
