/** Alignment of a face as the FFHQ data set does it (Karras et al. 2019, appendix A). */
import type { Point, Quad } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { encodePng, upright } from '../../images.js';
import { type Box, meanOf } from './boxes.js';
import { warp } from './warp.js';

/** Side of an aligned face in pixels. */
export const ALIGNED_SIZE = 1024;

/** Where the detector sees the face in an aligned square of this side: the mean over real and generated faces. */
export const alignedBox = (side: number): Box => ({
  x: 0.19 * side,
  y: 0.22 * side,
  width: 0.62 * side,
  height: 0.72 * side,
});

/**
 * The turned square around a face from its 68 landmarks (iBUG scheme), which places eyes and mouth where a generator
 * trained on FFHQ expects them. Throws when there are not 68.
 */
export function alignmentQuad(landmarks: readonly Point[]): Quad {
  if (landmarks.length !== 68) throw new RangeError(`Expected 68 landmarks but received ${landmarks.length}`);
  const left = meanOf(landmarks, 36, 41);
  const right = meanOf(landmarks, 42, 47);
  const eyes: Point = [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2];
  const across: Point = [right[0] - left[0], right[1] - left[1]];
  const mouth: Point = [
    (landmarks[48]![0] + landmarks[54]![0]) / 2,
    (landmarks[48]![1] + landmarks[54]![1]) / 2,
  ];
  const down: Point = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
  // Half the square's top edge: along the eyes and square to the line from eyes to mouth, in equal parts.
  const direction: Point = [across[0] + down[1], across[1] - down[0]];
  const half = Math.max(2 * Math.hypot(...across), 1.8 * Math.hypot(...down));
  const scale = half / Math.hypot(...direction);
  const x: Point = [direction[0] * scale, direction[1] * scale];
  const y: Point = [-x[1], x[0]];
  const centre: Point = [eyes[0] + 0.1 * down[0], eyes[1] + 0.1 * down[1]];
  const corner = (sx: number, sy: number): Point => [
    centre[0] + sx * x[0] + sy * y[0],
    centre[1] + sx * x[1] + sy * y[1],
  ];
  return [corner(-1, -1), corner(-1, 1), corner(1, 1), corner(1, -1)];
}

export interface AlignedFace {
  /** rgb8 [1024,1024,3]. */
  pixels: Rgb8;
  /** PNG of the same. */
  aligned: Uint8Array;
  quad: Quad;
}

/** Cuts the face with these landmarks (pixels of the upright photo) out of an encoded photo. */
export async function alignFace(photo: Uint8Array, landmarks: readonly Point[]): Promise<AlignedFace> {
  const quad = alignmentQuad(landmarks);
  const pixels = await warp(await upright(photo), quad, ALIGNED_SIZE);
  return { pixels, aligned: await encodePng(pixels), quad };
}
