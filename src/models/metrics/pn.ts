/** How far latents lie from where the generator's own lie. */

export interface PnNorms {
  mean: number;
  max: number;
  /** One for each style. */
  perStyle: number[];
}

/**
 * P_N norm of each style, sqrt(mean(p^2)) over the coordinates p [styles, dim] flat of stylegan/latent-space.ts (sigma
 * floored with 0.1 in quadrature): about 1 for a latent that the mapping network made.
 */
export function pnNorms(p: Float32Array, styles: number): PnNorms {
  const dim = p.length / styles;
  if (!Number.isInteger(dim) || dim === 0) {
    throw new RangeError(`Expected the coordinates of ${styles} styles but received ${p.length} values`);
  }
  const perStyle = Array.from({ length: styles }, (_, i) =>
    Math.sqrt(p.subarray(i * dim, (i + 1) * dim).reduce((sum, x) => sum + x * x, 0) / dim),
  );
  return {
    mean: perStyle.reduce((sum, norm) => sum + norm) / styles,
    max: Math.max(...perStyle),
    perStyle,
  };
}
