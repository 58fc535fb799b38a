import { describe, expect, it } from 'vitest';
import { defaultCrossover, morph } from '../../src/models/morph.js';

const shape = { layers: 4, dim: 4 };
const a = Float32Array.from({ length: 16 }, (_, i) => i);
const b = Float32Array.from({ length: 16 }, (_, i) => 100 - i);
const mix = (i: number, weight: number) => weight * a[i]! + (1 - weight) * b[i]!;

describe('morph', () => {
  it('linear weighs a by lambda and b by the rest', () => {
    const w = morph(a, b, shape, { mode: 'linear', lambda: 0.75, crossover: 0 });
    for (const [i, x] of w.entries()) expect(x).toBeCloseTo(mix(i, 0.75), 4);
  });

  it('gives a at lambda 1 and b at lambda 0, exactly', () => {
    expect(morph(a, b, shape, { mode: 'linear', lambda: 1, crossover: 0 })).toEqual(a);
    expect(morph(a, b, shape, { mode: 'linear', lambda: 0, crossover: 0 })).toEqual(b);
  });

  it('style swaps the weights for whole styles from the crossover on', () => {
    const w = morph(a, b, shape, { mode: 'style', lambda: 0.75, crossover: 3 });
    for (const [i, x] of w.entries()) expect(x).toBeCloseTo(mix(i, i < 12 ? 0.75 : 0.25), 4);
  });

  it('attribute swaps the weights within every style from the crossover on', () => {
    const w = morph(a, b, shape, { mode: 'attribute', lambda: 0.75, crossover: 1 });
    for (const [i, x] of w.entries()) expect(x).toBeCloseTo(mix(i, i % 4 < 1 ? 0.75 : 0.25), 4);
  });

  it('halves the axis when no crossover is given', () => {
    const w = { layers: 16, dim: 512 };
    expect([defaultCrossover('style', w), defaultCrossover('attribute', w)]).toEqual([8, 256]);
  });

  it.each([
    ['lambda beyond 1', { mode: 'linear', lambda: 1.01, crossover: 0 }, 'lambda in 0..1 but received 1.01'],
    ['lambda NaN', { mode: 'linear', lambda: Number.NaN, crossover: 0 }, 'lambda in 0..1 but received NaN'],
    [
      'a crossover of 0',
      { mode: 'style', lambda: 0.5, crossover: 0 },
      'style crossover in 1..3 but received 0',
    ],
    [
      'a crossover at the end',
      { mode: 'attribute', lambda: 0.5, crossover: 4 },
      'attribute crossover in 1..3',
    ],
  ] as const)('refuses %s', (_title, options, message) => {
    expect(() => morph(a, b, shape, options)).toThrow(message);
  });

  it('refuses latents of another size', () => {
    expect(() => morph(a, b.subarray(4), shape, { mode: 'linear', lambda: 1, crossover: 0 })).toThrow(
      'received 12',
    );
  });
});
