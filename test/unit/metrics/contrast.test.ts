import { describe, expect, it } from 'vitest';
import { contrastShare } from '../../../src/models/metrics/contrast.js';
import { waves } from '../../support/step.js';

const grey = new Float32Array(waves.length).fill(0.3);

describe('contrastShare', () => {
  it('is 1 for the photo itself, however bright', () => {
    expect(contrastShare(waves, waves)).toBe(1);
    const brighter = waves.map((x) => x + 0.1);
    expect(contrastShare(brighter, waves)).toBeCloseTo(1, 5);
  });

  it('falls with the amplitude, and is 0 for an even image', () => {
    const faded = waves.map((x) => 0.1 * x);
    expect(contrastShare(faded, waves)).toBeCloseTo(0.1, 5);
    expect(contrastShare(grey, waves)).toBeLessThan(1e-3);
  });

  it('weighs the colours as the eye does: green most', () => {
    const only = (channel: number) =>
      contrastShare(
        waves.map((x, i) => (Math.floor(i / 65536) === channel ? waves[i % 65536]! : 0 * x)),
        waves,
      );
    expect(only(1) / only(2)).toBeCloseTo(0.7152 / 0.0722, 2);
    expect(only(1) / only(0)).toBeCloseTo(0.7152 / 0.2126, 2);
  });

  it('is a number for an evenly grey photo', () => {
    expect(contrastShare(waves, grey)).toBeGreaterThan(1);
    expect(contrastShare(grey, grey)).toBeLessThan(1e-3);
  });
});
