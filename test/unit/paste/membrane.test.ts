import { describe, expect, it } from 'vitest';
import { membrane } from '../../../src/models/paste/membrane.js';
import { uniformFrom } from '../../../src/models/random.js';

const SIZE = 64;
const PLANE = SIZE * SIZE;

/** Weights of a ring, radius 18 to 23 around the middle. */
const ring = Float32Array.from({ length: PLANE }, (_, i) => {
  const r = Math.hypot((i % SIZE) - 31.5, Math.floor(i / SIZE) - 31.5);
  return Math.max(0, 1 - Math.abs(r - 20.5) / 2.5);
});
const differences = (of: (x: number, y: number, c: number) => number) =>
  Float32Array.from({ length: 3 * PLANE }, (_, i) =>
    of(i % SIZE, Math.floor((i % PLANE) / SIZE), Math.floor(i / PLANE)),
  );
const within = (radius: number) =>
  [...ring.keys()].filter((i) => Math.hypot((i % SIZE) - 31.5, Math.floor(i / SIZE) - 31.5) < radius);

describe('membrane', () => {
  it('continues one difference over the inside as it is, for each channel', () => {
    const field = membrane(
      differences((_x, _y, c) => 10 * (c + 1)),
      ring,
      SIZE,
    );
    for (const i of within(20)) {
      for (let c = 0; c < 3; c++) expect(field[c * PLANE + i]).toBeCloseTo(10 * (c + 1), 3);
    }
  });

  it('continues a slope across, as a membrane does: a linear function is harmonic', () => {
    const field = membrane(
      differences((x) => (x - 31.5) / 2),
      ring,
      SIZE,
      Number.POSITIVE_INFINITY,
    );
    const away = within(18).map((i) => Math.abs(field[i]! - ((i % SIZE) - 31.5) / 2));
    // The ends of the slope pull with the edge's whole width, so that it comes out a little flatter.
    expect(Math.max(...away)).toBeLessThan(1);
  });

  it('does not see differences where nothing is weighed', () => {
    const field = membrane(
      differences((x, y) => (ring[y * SIZE + x]! > 0 ? 5 : 200)),
      ring,
      SIZE,
    );
    for (const i of within(23)) expect(field[i]).toBeCloseTo(5, 3);
  });

  it('is not pulled away by a lock of hair, where plain least squares are', () => {
    const lock = differences((x, y) => (y < 20 && Math.abs(x - 31.5) < 8 ? -90 : 6));
    const most = (field: Float32Array) => Math.max(...within(12).map((i) => Math.abs(field[i]! - 6)));
    expect(most(membrane(lock, ring, SIZE))).toBeLessThan(1);
    expect(most(membrane(lock, ring, SIZE, Number.POSITIVE_INFINITY))).toBeGreaterThan(8);
  });

  it('averages noise along the edge', () => {
    const uniform = uniformFrom(1);
    const field = membrane(
      differences(() => 8 + 20 * (uniform() - 0.5)),
      ring,
      SIZE,
    );
    for (const i of within(16)) expect(Math.abs(field[i]! - 8)).toBeLessThan(2);
  });

  it('is 0 where no difference is known', () => {
    const field = membrane(
      differences(() => 50),
      new Float32Array(PLANE),
      SIZE,
    );
    expect(new Set(field)).toEqual(new Set([0]));
  });
});
