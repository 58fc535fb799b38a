/** Puts the image of an aligned face back into the photo that a face was aligned from. */
import type { Point, Quad } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { resize } from '../../images.js';
import { sideOf } from '../face/warp.js';
import { colourField, FIELD_SIZE } from './colour.js';
import { draw } from './draw.js';
import { softMask } from './mask.js';
import { faceOutline, intoSquare } from './outline.js';

export interface FacePlace {
  /** Corners of the aligned square, pixels of the photo. */
  quad: Quad;
  /** 68 landmarks of the face that the photo shows, pixels of the photo. */
  landmarks: readonly Point[];
}

/**
 * Draws `face`, an aligned square picture, over the face in `photo`, in place: inside the outlines of both faces, softly
 * along them, with its colours brought to those of the photo there. `faceLandmarks` are the 68 of `face`, in its
 * pixels. Every other pixel of the photo stays as it was; what the square shows beyond the photo is dropped.
 */
export async function paste(
  photo: Rgb8,
  face: Rgb8,
  place: FacePlace,
  faceLandmarks: readonly Point[],
): Promise<void> {
  const outlines = outlinesOf(place, face, faceLandmarks);
  const field = await colourField(photo, face, place.quad, softMask(outlines, FIELD_SIZE));
  const fitting = await fitted(face, place.quad);
  draw(photo, fitting, field, softMask(outlines, fitting.width), place.quad);
}

/** Outlines of the face in the photo and of the one that is pasted, in fractions of the aligned square. */
export function outlinesOf(
  { quad, landmarks }: FacePlace,
  face: Rgb8,
  faceLandmarks: readonly Point[],
): Point[][] {
  return [
    faceOutline(landmarks.map(intoSquare(quad))),
    faceOutline(faceLandmarks.map(([x, y]): Point => [x / face.width, y / face.height])),
  ];
}

/** The face reduced (by Lanczos) to about the pixels that it is drawn on: it would alias otherwise. */
export async function fitted(face: Rgb8, quad: Quad): Promise<Rgb8> {
  const size = Math.ceil(sideOf(quad));
  return size < face.width ? resize(face, size, size) : face;
}
