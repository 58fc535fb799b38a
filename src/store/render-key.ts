/** The names of what is computed from two latents, image or measurement: a hash of everything that shapes its bytes. */
import { createHash } from 'node:crypto';
import type { ImageFormat, LatentSpace, MorphMode, RegionPart } from '../contracts.js';

/** Raise it whenever the synthesis, the resizing or the encoder settings change: old renders are then never found. */
const RENDER_VERSION = 2;
/** Raise it whenever samples, epsilon or the distance of models/metrics/ppl.ts change. */
const SMOOTHNESS_VERSION = 1;

export interface RenderInputs {
  /** sha256 of the two latents and of the generator's weights. */
  a: string;
  b: string;
  generator: string;
  mode: MorphMode;
  lambda: number;
  /** First channel or style after which the weights are swapped; 0 for a mode that has none. */
  crossover: number;
  size: number;
  format: ImageFormat;
  /** 1 to 100; left out for PNG, which has none. */
  quality?: number | undefined;
}

/** sha256 in hex: cache key, job id, blob name and ETag of the render. */
export function renderKey(inputs: RenderInputs): string {
  const { a, b, generator, mode, lambda, crossover, size, format, quality } = inputs;
  // Adding 0 turns -0 into 0; equal numbers then have one spelling.
  const canonical = [
    RENDER_VERSION,
    a,
    b,
    generator,
    mode,
    lambda + 0,
    crossover,
    size,
    format,
    quality ?? 0,
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export interface RegionInputs extends Omit<RenderInputs, 'mode' | 'crossover'> {
  /** In the order of REGION_PARTS. */
  parts: readonly RegionPart[];
  /** sha256 of the region map. */
  map: string;
}

/** sha256 in hex, as `renderKey`. */
export function regionKey({
  a,
  b,
  generator,
  parts,
  map,
  lambda,
  size,
  format,
  quality,
}: RegionInputs): string {
  const shown = [lambda + 0, size, format, quality ?? 0];
  const canonical = ['region', RENDER_VERSION, a, b, generator, parts, map, ...shown];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export interface BlendInputs extends Pick<RenderInputs, 'generator' | 'size' | 'format' | 'quality'> {
  /** sha256 of each latent, and the row of its weights. */
  latents: readonly string[];
  weights: readonly (readonly number[])[];
  space: LatentSpace;
}

/** sha256 in hex, as `renderKey`; the same whatever the order of the latents. */
export function blendKey({ latents, weights, space, generator, size, format, quality }: BlendInputs): string {
  const rows = latents.map((latent, i) => [latent, ...weights[i]!.map((weight) => weight + 0)]);
  const sorted = rows.map((row) => JSON.stringify(row)).sort();
  const canonical = ['blend', RENDER_VERSION, sorted, space, generator, size, format, quality ?? 0];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export interface GridInputs extends Pick<RenderInputs, 'a' | 'b' | 'generator' | 'format' | 'quality'> {
  lambdas: readonly number[];
  rows: readonly { mode: MorphMode; crossover: number }[];
  cell: number;
}

/** sha256 in hex, as `renderKey`. */
export function gridKey({ a, b, generator, lambdas, rows, cell, format, quality }: GridInputs): string {
  const lines = rows.map(({ mode, crossover }) => [mode, crossover]);
  const canonical = ['grid', RENDER_VERSION, a, b, generator, lambdas, lines, cell, format, quality ?? 0];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export type SmoothnessInputs = Omit<RenderInputs, 'lambda' | 'size' | 'format' | 'quality'>;

/** sha256 in hex, the same for the two latents swapped: the way back is as long. */
export function smoothnessKey({ a, b, generator, mode, crossover }: SmoothnessInputs): string {
  const canonical = ['smoothness', SMOOTHNESS_VERSION, [a, b].sort(), generator, mode, crossover];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}
