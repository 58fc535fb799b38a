/** What the encoder is fitted on: plans of samples and their varied copies, the same on every machine. */
import { describe, expect, test } from 'vitest';
import { augment } from '../../../fit/augment.js';
import { planSample, SOURCES } from '../../../fit/samples.js';
import { uniformFrom } from '../../../src/models/random.js';

const STYLES = 16;
const plan = (index: number, seed = 1) => planSample(seed, index, STYLES, 8);
const rowsOf = (mix: Float32Array): Float32Array[] =>
  Array.from({ length: STYLES }, (_, style) => mix.subarray(style * SOURCES, (style + 1) * SOURCES));

describe('plans', () => {
  test('are the same again, and differ by index and by seed', () => {
    expect(plan(3)).toEqual(plan(3));
    expect(plan(3).z).not.toEqual(plan(4).z);
    expect(plan(3).z).not.toEqual(plan(3, 2).z);
  });

  test('weigh sources by unit vectors, so that a style in P_N is as normal as a plain one', () => {
    for (let index = 0; index < 50; index++)
      for (const row of rowsOf(plan(index).mix)) expect(Math.hypot(...row)).toBeCloseTo(1, 6);
  });

  test('mix about seven of ten, in up to four parts of neighbouring styles', () => {
    const parts = Array.from({ length: 500 }, (_, index) => {
      const rows = rowsOf(plan(index).mix);
      return 1 + rows.filter((row, style) => style > 0 && `${row}` !== `${rows[style - 1]}`).length;
    });
    const mixed = parts.filter((count) => count > 1).length / parts.length;
    expect(mixed).toBeGreaterThan(0.62);
    expect(mixed).toBeLessThan(0.78);
    expect(Math.max(...parts)).toBe(4);
  });
});

describe('a varied copy', () => {
  const size = 32;
  const image = Float32Array.from({ length: 3 * size * size }, (_, i) => 0.6 * Math.sin(i / 17));
  const copy = (uniform: () => number): Float32Array => augment(image, { size, uniform });
  const distance = (a: Float32Array): number =>
    Math.sqrt(a.reduce((sum, x, i) => sum + (x - image[i]!) ** 2, 0) / a.length);

  test('is the image itself in the middle of every range', () => {
    expect(distance(copy(() => 0.5))).toBeLessThan(1e-3);
  });

  test('is the same for the same numbers, another for others, and stays an image', () => {
    expect(copy(uniformFrom(1))).toEqual(copy(uniformFrom(1)));
    expect(copy(uniformFrom(1))).not.toEqual(copy(uniformFrom(2)));
    const beyond = Array.from({ length: 40 }, (_, seed) =>
      copy(uniformFrom(seed)).some((x) => Math.abs(x) > 1),
    );
    expect(beyond).not.toContain(true);
  });

  test('loses its colour now and then, as grey-scale photos have none', () => {
    const plane = size * size;
    const isGrey = (a: Float32Array): boolean =>
      a.subarray(0, plane).every((x, i) => Math.abs(x - a[i + plane]!) < 1e-6);
    const grey = Array.from({ length: 300 }, (_, seed) => isGrey(copy(uniformFrom(seed)))).filter(Boolean);
    expect(grey.length).toBeGreaterThan(8);
    expect(grey.length).toBeLessThan(60);
  });
});
