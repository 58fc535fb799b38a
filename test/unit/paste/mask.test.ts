import { describe, expect, it } from 'vitest';
import type { Point } from '../../../src/contracts.js';
import { softMask } from '../../../src/models/paste/mask.js';

const box = (left: number, top: number, right: number, bottom: number): Point[] => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];
const SIZE = 100;
const at = (mask: Float32Array, u: number, v: number) =>
  mask[Math.floor(v * SIZE) * SIZE + Math.floor(u * SIZE)]!;

describe('softMask', () => {
  const mask = softMask([box(0.2, 0.2, 0.8, 0.8)], SIZE, 0.1);

  it('is exactly 0 outside, 1 deep inside and half way up half way in', () => {
    for (let i = 0; i < SIZE; i++) {
      expect(at(mask, i / SIZE, 0.19)).toBe(0);
      expect(at(mask, 0.8 + 1e-9, i / SIZE)).toBe(0);
    }
    expect(at(mask, 0.5, 0.5)).toBe(1);
    expect((at(mask, 0.5, 0.245) + at(mask, 0.5, 0.255)) / 2).toBeCloseTo(0.5, 6);
  });

  it('rises nowhere faster than 1.5 over the width of the feather', () => {
    const steps = [...mask.keys()].slice(1).map((i) => Math.abs(mask[i]! - mask[i - 1]!));
    expect(Math.max(...steps)).toBeLessThan(1.5 / (0.1 * SIZE) + 1e-3);
  });

  it('shows only what lies inside every outline', () => {
    const both = softMask([box(0.2, 0.2, 0.8, 0.8), box(0.5, 0, 1, 1)], SIZE, 0.1);
    expect(at(both, 0.49, 0.5)).toBe(0);
    expect(at(both, 0.65, 0.5)).toBe(1);
    expect(at(both, 0.81, 0.5)).toBe(0);
  });

  it('is empty where the outlines have nothing in common', () => {
    expect(Math.max(...softMask([box(0, 0, 0.4, 1), box(0.5, 0, 1, 1)], SIZE))).toBe(0);
  });
});
