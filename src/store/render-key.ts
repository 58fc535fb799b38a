/** The names of what is computed from two latents, image or measurement: a hash of everything that shapes its bytes. */
import { createHash } from 'node:crypto';
import type { FrameFormat, LatentSpace, MorphMode, Place, RegionPart } from '../contracts.js';

/** Raise it whenever the synthesis, the resizing or the encoder settings change: old renders are then never found. */
const RENDER_VERSION = 3;
/** Raise it whenever the mask, the match of colours or the resampling of models/paste change. */
const PASTE_VERSION = 1;
/** Raise it whenever samples, epsilon or the distance of models/metrics/ppl.ts change. */
const SMOOTHNESS_VERSION = 1;
/** Raise it whenever the parts or the distance of models/metrics/pace.ts change. */
const PACE_VERSION = 1;
/** Raise it whenever timeline or containers of src/animation change. */
const ANIMATION_VERSION = 1;

/** What stands for a latent in the keys: those of two tenants are never the same render. */
export const tenantHash = (tenant: string, latentHash: string): string => `${tenant}:${latentHash}`;

export interface RenderInputs {
  /** The two latents (see `tenantHash`), and sha256 of the generator's weights. */
  a: string;
  b: string;
  generator: string;
  mode: MorphMode;
  lambda: number;
  /** First channel or style after which the weights are swapped; 0 for a mode that has none. */
  crossover: number;
  size: number;
  format: FrameFormat;
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

/** sha256 in hex: the key of the same render drawn into a photo. The blob of a photo never changes. */
export function placedKey(key: string, { original, width, height, quad, landmarks }: Place): string {
  const canonical = ['placed', PASTE_VERSION, key, original, width, height, quad, landmarks];
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

export type PathInputs = Omit<RenderInputs, 'lambda' | 'size' | 'format' | 'quality'>;

/** sha256 in hex, the same for the two latents swapped: the way back is as long. */
export function smoothnessKey({ a, b, generator, mode, crossover }: PathInputs): string {
  const canonical = ['smoothness', SMOOTHNESS_VERSION, [a, b].sort(), generator, mode, crossover];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

/** sha256 in hex of how fast a morph changes. */
export function paceKey({ a, b, generator, mode, crossover }: PathInputs): string {
  const canonical = ['pace', PACE_VERSION, a, b, generator, mode, crossover];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

export interface AnimationInputs {
  /** Key of a frame at lambda 0: what all frames share. */
  frame: string;
  format: string;
  from: number;
  to: number;
  frames: number;
  easing: string;
  pingpong: boolean;
  pacing: string;
  /** Seconds of the way there. */
  duration: number;
  loop: number;
}

/** sha256 in hex: the ETag of an animation, whose frames are renders of their own. */
export function animationKey(inputs: AnimationInputs): string {
  const { frame, format, from, to, frames, easing, pingpong, pacing, duration, loop } = inputs;
  const timing = [from + 0, to + 0, frames, easing, pingpong, pacing, duration, loop];
  const canonical = ['animation', ANIMATION_VERSION, PACE_VERSION, frame, format, ...timing];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}
