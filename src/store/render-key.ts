/** The names of what is computed from two latents, image or measurement: a hash of everything that shapes its bytes. */
import { createHash } from 'node:crypto';
import type { ImageFormat, MorphMode } from '../contracts.js';

/** Raise it whenever the synthesis, the resizing or the encoder settings change: old renders are then never found. */
const RENDER_VERSION = 1;
/** Raise it whenever samples, epsilon or the distance of models/metrics/ppl.ts change. */
const SMOOTHNESS_VERSION = 1;

export interface RenderInputs {
  /** sha256 of the two latents and of the generator's weights. */
  a: string;
  b: string;
  generator: string;
  mode: MorphMode;
  lambda: number;
  /** First channel or style after which the weights are swapped; 0 for `linear`, which has none. */
  crossover: number;
  size: number;
  format: ImageFormat;
}

/** sha256 in hex: cache key, job id, blob name and ETag of the render. */
export function renderKey(inputs: RenderInputs): string {
  const { a, b, generator, mode, lambda, crossover, size, format } = inputs;
  // Adding 0 turns -0 into 0; equal numbers then have one spelling.
  const canonical = [RENDER_VERSION, a, b, generator, mode, lambda + 0, crossover, size, format];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export type SmoothnessInputs = Omit<RenderInputs, 'lambda' | 'size' | 'format'>;

/** sha256 in hex, the same for the two latents swapped: the way back is as long. */
export function smoothnessKey({ a, b, generator, mode, crossover }: SmoothnessInputs): string {
  const canonical = ['smoothness', SMOOTHNESS_VERSION, [a, b].sort(), generator, mode, crossover];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}
