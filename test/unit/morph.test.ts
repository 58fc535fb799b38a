import { describe, expect, it } from 'vitest';
import { blend, defaultCrossover, morph } from '../../src/models/morph.js';

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

  it('pn mixes what the last activation of the mapping network was given', () => {
    const one = { layers: 1, dim: 2 };
    // sqrt 2 LeakyReLU_0.2 of (1, -1) and of (-3, -1)
    const [p, q] = [
      [Math.SQRT2, -0.2 * Math.SQRT2],
      [-0.6 * Math.SQRT2, -0.2 * Math.SQRT2],
    ].map((w) => Float32Array.from(w));
    const middle = morph(p!, q!, one, { mode: 'pn', lambda: 0.5, crossover: 0 });
    expect(middle[0]).toBeCloseTo(-0.2 * Math.SQRT2, 6);
    expect(middle[1]).toBeCloseTo(-0.2 * Math.SQRT2, 6);
    for (const [lambda, end] of [
      [1, p],
      [0, q],
    ] as const)
      expect(morph(p!, q!, one, { mode: 'pn', lambda, crossover: 0 })).toEqual(end);
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

describe('blend', () => {
  const rows = (...weights: number[]) => weights.map((weight) => Array.from({ length: 4 }, () => weight));

  it.each([
    ['w', 'linear'],
    ['pn', 'pn'],
  ] as const)('of two latents in %s is the morph %s', (space, mode) => {
    const mixed = blend([a, b], shape, { space, weights: rows(0.3, 0.7) });
    for (const [i, x] of morph(a, b, shape, { mode, lambda: 0.3, crossover: 0 }).entries())
      expect(mixed[i]).toBeCloseTo(x, 4);
  });

  it('weighs each style by itself', () => {
    const weights = [
      [1, 0, 0, 0.5],
      [0, 1, 0, 0.5],
      [0, 0, 2, -1],
    ];
    const c = a.map((x) => -x);
    const mixed = blend([a, b, c], shape, { space: 'w', weights });
    for (const [i, x] of mixed.entries()) {
      const [p, q, r] = weights.map((row) => row[Math.floor(i / 4)]!);
      expect(x).toBeCloseTo(p! * a[i]! + q! * b[i]! + r! * c[i]!, 4);
    }
  });

  it.each([
    ['no latents', [], []],
    ['a row too few', [a, b], rows(1)],
    ['a weight too few', [a], [[1, 1, 1]]],
    ['a latent of another size', [a, b.subarray(4)], rows(1, 1)],
  ])('refuses %s', (_title, latents, weights) => {
    expect(() => blend(latents, shape, { space: 'w', weights })).toThrow('Expected latents of 4 x 4 numbers');
  });
});
