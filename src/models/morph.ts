/** Latent maths of the paper's morphs, pure: W+ in, W+ out. */
import type { MorphMode } from '../contracts.js';

/** Sizes of a W+ latent: `layers` style vectors of `dim` attributes, row-major. */
export interface LatentShape {
  layers: number;
  dim: number;
}

export interface MorphOptions {
  mode: MorphMode;
  /** Weight of `a`, 0..1. */
  lambda: number;
  /** First style (mode `style`, 1..layers-1) or attribute (mode `attribute`, 1..dim-1) with swapped weights. */
  crossover: number;
}

/** Halves the axis along which the mode crosses over: 8 of 16 styles, 256 of 512 attributes; 0 for `linear`. */
export function defaultCrossover(mode: MorphMode, { layers, dim }: LatentShape): number {
  switch (mode) {
    case 'linear':
      return 0;
    case 'style':
      return Math.floor(layers / 2);
    case 'attribute':
      return Math.floor(dim / 2);
  }
}

/** Sizes of the axis that `mode` crosses over: the crossover lies in 1..size-1. Undefined for `linear`. */
export function crossoverAxis(mode: MorphMode, { layers, dim }: LatentShape): number | undefined {
  switch (mode) {
    case 'linear':
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
 * `attribute` likewise along the attributes of every style. Throws RangeError on sizes or parameters out of range.
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
  return a.map((x, i) => {
    const position = mode === 'style' ? Math.floor(i / dim) : i % dim;
    const weight = mode !== 'linear' && position >= crossover ? 1 - lambda : lambda;
    return weight * x + (1 - weight) * b[i]!;
  });
}
