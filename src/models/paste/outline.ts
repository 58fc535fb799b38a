/** The outline of a face from its 68 landmarks (iBUG scheme), and how deep inside it a place lies. */
import type { Point, Quad } from '../../contracts.js';
import { meanOf } from '../face/boxes.js';

const JAW = 17;
const BROWS = { first: 17, last: 26 };
const NOSE_BASE = 33;
/**
 * The forehead's height over that from the nose's base to the brows, in its middle and over the outer end of a brow. Faces
 * measure about 1 up to the hairline (the canon of three equal parts); what is pasted stays well below it, as the hair of
 * two faces hardly ever meets.
 */
const FOREHEAD = { middle: 0.6, end: 0.15 };

/** Places in fractions of the aligned square, (0, 0) its top left corner, of places in the photo that the quad lies in. */
export function intoSquare(quad: Quad): (place: Point) => Point {
  const [origin, bottomLeft, , topRight] = quad;
  const right: Point = [topRight[0] - origin[0], topRight[1] - origin[1]];
  const down: Point = [bottomLeft[0] - origin[0], bottomLeft[1] - origin[1]];
  const area = right[0] * down[1] - right[1] * down[0];
  return ([px, py]) => {
    const [x, y] = [px - origin[0], py - origin[1]];
    return [(x * down[1] - y * down[0]) / area, (y * right[0] - x * right[1]) / area];
  };
}

/**
 * Convex polygon around jaw and forehead, in the units of the landmarks; landmarks end at the brows, so these are raised.
 * Throws RangeError when there are not 68.
 */
export function faceOutline(landmarks: readonly Point[]): Point[] {
  if (landmarks.length !== 68) throw new RangeError(`Expected 68 landmarks but received ${landmarks.length}`);
  const brows = meanOf(landmarks, BROWS.first, BROWS.last);
  const [x, y] = landmarks[NOSE_BASE]!;
  const forehead = landmarks.slice(BROWS.first, BROWS.last + 1).map((brow, i, { length }): Point => {
    const dome = Math.sin((Math.PI * i) / (length - 1));
    const height = FOREHEAD.end + (FOREHEAD.middle - FOREHEAD.end) * dome;
    return [brow[0] + height * (brows[0] - x), brow[1] + height * (brows[1] - y)];
  });
  return convexHull([...landmarks.slice(0, JAW), ...forehead]);
}

/** Corners of the convex hull, clockwise as seen in a picture (y downwards), by Andrew's monotone chain. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((p, q) => p[0] - q[0] || p[1] - q[1]);
  const chain = (places: readonly Point[]): Point[] => {
    const hull: Point[] = [];
    for (const place of places) {
      while (hull.length > 1 && turn(hull.at(-2)!, hull.at(-1)!, place) <= 0) hull.pop();
      hull.push(place);
    }
    return hull.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.toReversed())];
}

/** Positive when a -> b -> c turns clockwise as seen in a picture. */
const turn = (a: Point, b: Point, c: Point): number =>
  (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/** A line a x + b y + c, the distance to it; positive inside the polygon whose edge it is. */
export type Edge = readonly [a: number, b: number, c: number];

/** The edges of a convex polygon of clockwise corners: a place lies inside by the least of their values. */
export function edgesOf(corners: readonly Point[]): Edge[] {
  return corners.map((p, i) => {
    const q = corners[(i + 1) % corners.length]!;
    const [dx, dy] = [q[0] - p[0], q[1] - p[1]];
    const length = Math.hypot(dx, dy);
    return [-dy / length, dx / length, (dy * p[0] - dx * p[1]) / length];
  });
}
