/** Pure geometry of detections. */
import type { Face, Point } from '../../contracts.js';

export type Box = Face['box'];

export interface ScoredBox {
  box: Box;
  score: number;
}

/** Area of the intersection over area of the union, 0..1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (areaOf(a) + areaOf(b) - shared);
}

/** Keeps the best of boxes that overlap by more than `limit`, best first. */
export function suppress(boxes: readonly ScoredBox[], limit: number): ScoredBox[] {
  const kept: ScoredBox[] = [];
  for (const candidate of boxes.toSorted((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => overlap(box, candidate.box) <= limit)) kept.push(candidate);
  }
  return kept;
}

/** The part of a box that lies in the picture. */
export function within(box: Box, image: { width: number; height: number }): Box {
  const [x, y] = [Math.max(0, box.x), Math.max(0, box.y)];
  const width = Math.max(0, Math.min(image.width, box.x + box.width) - x);
  const height = Math.max(0, Math.min(image.height, box.y + box.height) - y);
  return { x, y, width, height };
}

export const areaOf = (box: Box): number => box.width * box.height;

/** Mean of landmarks from..to, the ends included. */
export function meanOf(landmarks: readonly Point[], from: number, to: number): Point {
  const points = landmarks.slice(from, to + 1);
  const sum = (axis: 0 | 1) => points.reduce((total, p) => total + p[axis], 0);
  return [sum(0) / points.length, sum(1) / points.length];
}

const SMALLEST_SIDE = 20;

/**
 * False for what cannot be a face to work with: boxes under 20 px or long and thin, and landmarks that do not form eyes
 * above a mouth at the scale of the box. Profiles bring the eyes close together, so that bound is loose.
 */
export function isPlausible({ box, landmarks }: Pick<Face, 'box' | 'landmarks'>): boolean {
  const { width, height } = box;
  if (Math.min(width, height) < SMALLEST_SIDE || Math.max(width / height, height / width) > 2.5) return false;
  const [left, right, mouth] = [
    meanOf(landmarks, 36, 41),
    meanOf(landmarks, 42, 47),
    meanOf(landmarks, 48, 67),
  ];
  const eyes: Point = [right[0] - left[0], right[1] - left[1]];
  const down: Point = [mouth[0] - (left[0] + right[0]) / 2, mouth[1] - (left[1] + right[1]) / 2];
  const side = Math.sqrt(width * height);
  // Positive when the mouth lies clockwise of the line of the eyes, that is, below it.
  const below = eyes[0] * down[1] - eyes[1] * down[0];
  return Math.hypot(...eyes) > 0.12 * side && Math.hypot(...down) > 0.15 * side && below > 0;
}
