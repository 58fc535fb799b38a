/** Latent maths of the morphs, pure: W+ in, W+ out. */
import type { LatentSpace, MorphMode } from '../contracts.js';
import { latentFrom, preactivationOf } from './stylegan/latent-space.js';

/** Sizes of a W+ latent: `layers` style vectors of `dim` attributes, row-major. */
export interface LatentShape {
  layers: number;
  dim: number;
}

export interface BlendOptions {
  /** Where the weighted sum is taken: in W, or in P_N (see `morph`). */
  space: LatentSpace;
  /** A row for each latent: its weight in every style. */
  weights: readonly (readonly number[])[];
}

export interface MorphOptions {
  mode: MorphMode;
  /** Weight of `a`, 0..1. */
  lambda: number;
  /** First style (mode `style`, 1..layers-1) or attribute (mode `attribute`, 1..dim-1) with swapped weights. */
  crossover: number;
}

/** Halves the axis along which the mode crosses over: 8 of 16 styles, 256 of 512 attributes; 0 for a mode that has none. */
export function defaultCrossover(mode: MorphMode, { layers, dim }: LatentShape): number {
  switch (mode) {
    case 'linear':
    case 'pn':
      return 0;
    case 'style':
      return Math.floor(layers / 2);
    case 'attribute':
      return Math.floor(dim / 2);
  }
}

/** Sizes of the axis that `mode` crosses over: the crossover lies in 1..size-1. Undefined for a mode that has none. */
export function crossoverAxis(mode: MorphMode, { layers, dim }: LatentShape): number | undefined {
  switch (mode) {
    case 'linear':
    case 'pn':
      return undefined;
    case 'style':
      return layers;
    case 'attribute':
      return dim;
  }
}

/**
 * Morph of two W+ latents [layers, dim] (Celebrity and You Synthesis Generator, section 3):
 * `linear` l·Wa + (1-l)·Wb; `style` the same for the styles before the crossover and (1-l)·Wa + l·Wb from it on;
 * `attribute` likewise along the attributes of every style. `pn` is the line in P_N, whose map to the latents before the last
 * activation, x, is affine (stylegan/latent-space.ts): w(l·xa + (1-l)·xb), for the whole. Throws RangeError on sizes or
 * parameters out of range.
 */
export function morph(
  a: Float32Array,
  b: Float32Array,
  shape: LatentShape,
  options: MorphOptions,
): Float32Array {
  const { layers, dim } = shape;
  const { mode, lambda, crossover } = options;
  for (const latent of [a, b]) {
    if (latent.length !== layers * dim) {
      throw new RangeError(`Expected latents of ${layers} x ${dim} numbers but received ${latent.length}`);
    }
  }
  if (!(lambda >= 0 && lambda <= 1)) throw new RangeError(`Expected lambda in 0..1 but received ${lambda}`);
  const axis = crossoverAxis(mode, shape);
  if (axis !== undefined && !(Number.isInteger(crossover) && crossover >= 1 && crossover < axis)) {
    throw new RangeError(`Expected a ${mode} crossover in 1..${axis - 1} but received ${crossover}`);
  }
  const mix = (x: number, y: number, weight: number): number => weight * x + (1 - weight) * y;
  if (mode === 'pn')
    return a.map((w, i) => latentFrom(mix(preactivationOf(w), preactivationOf(b[i]!), lambda)));
  return a.map((w, i) => {
    const position = mode === 'style' ? Math.floor(i / dim) : i % dim;
    const swapped = axis !== undefined && position >= crossover;
    return mix(w, b[i]!, swapped ? 1 - lambda : lambda);
  });
}

/**
 * sum over latents n of weights[n][l] W_n for every style l; in P_N the same sum of x (see `morph`), for which the weights
 * of a style have to sum to 1. Throws RangeError on sizes.
 */
export function blend(
  latents: readonly Float32Array[],
  { layers, dim }: LatentShape,
  { space, weights }: BlendOptions,
): Float32Array {
  const alike = latents.every((latent) => latent.length === layers * dim);
  const weighted = weights.length === latents.length && weights.every((row) => row.length === layers);
  if (latents.length === 0 || !alike || !weighted) {
    const sizes = `${latents.map(({ length }) => length)} with weights ${weights.map(({ length }) => length)}`;
    throw new RangeError(
      `Expected latents of ${layers} x ${dim} numbers, ${layers} weights each, but received ${sizes}`,
    );
  }
  return Float32Array.from({ length: layers * dim }, (_, i) => {
    const style = Math.floor(i / dim);
    const sum = (of: (w: number) => number): number =>
      latents.reduce((total, latent, n) => total + weights[n]![style]! * of(latent[i]!), 0);
    return space === 'pn' ? latentFrom(sum(preactivationOf)) : sum((w) => w);
  });
}
