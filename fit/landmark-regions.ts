/** Regions of a face as weights of places, out of its 68 landmarks (iBUG scheme); all lengths in shares of the image's side. */
export type Place = readonly [number, number];
/** Weight 0..1 of a place. */
export type Area = (x: number, y: number) => number;
/** Distance of a place from a shape: negative inside. */
type Distance = (x: number, y: number) => number;

/** Over how much a region fades out; the scatter of faces softens it further. */
const FADE = 0.04;

/** Distances from the shapes of one face. */
export interface Face {
  /** Eyes and brows. */
  eyes: Distance;
  /** Openings of the eyes. */
  lids: Distance;
  nose: Distance;
  /** Lips and what they enclose. */
  mouth: Distance;
  /** Line of the jaw, ear to chin to ear. */
  jaw: Distance;
  /** Jaw to brows. */
  face: Distance;
  /** Jaw to forehead. */
  head: Distance;
  /** Height of the chin. */
  chin: number;
}

/** The forehead is about as high above the brows as three quarters of the way from brows to nose. */
const FOREHEAD = 0.75;

/** `landmarks`: x and y in turn [136]. */
export function faceOf(landmarks: ArrayLike<number>): Face {
  const point = (i: number): Place => [landmarks[2 * i]!, landmarks[2 * i + 1]!];
  const points = (from: number, to: number): Place[] =>
    Array.from({ length: to - from + 1 }, (_, i) => point(from + i));
  const within = (...sets: Place[][]): Distance => {
    const hulls = sets.map(convexHull);
    return (x, y) => Math.min(...hulls.map((hull) => fromHull(hull, x, y)));
  };
  const [brows, jaw] = [points(17, 26), points(0, 16)];
  const rise = FOREHEAD * (point(33)[1] - (point(19)[1] + point(24)[1]) / 2);
  return {
    eyes: within([...points(17, 21), ...points(36, 41)], [...points(22, 26), ...points(42, 47)]),
    lids: within(points(36, 41), points(42, 47)),
    nose: within(points(27, 35)),
    mouth: within(points(48, 59)),
    jaw: (x, y) => Math.min(...jaw.slice(1).map((end, i) => fromSegment(jaw[i]!, end, x, y))),
    face: within([...jaw, ...brows]),
    head: within([...jaw, ...brows.map(([x, y]): Place => [x, y - rise])]),
    chin: point(8)[1],
  };
}

/** 1 up to `margin` outside of a shape, fading to 0. */
export const near =
  (distance: Distance, margin: number, fade = FADE): Area =>
  (x, y) =>
    ramp(margin - distance(x, y), fade);

/** From 0 to 1 around 0, over a way of `width`. */
export const ramp = (value: number, width: number): number => Math.max(0, Math.min(1, value / width + 0.5));

/** Mean of areas on a grid of side x side places, row by row. */
export function onGrid(areas: readonly Area[], side: number): Float32Array {
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side];
    return areas.reduce((sum, area) => sum + area(x, y), 0) / areas.length;
  });
}

const turn = (o: Place, p: Place, q: Place): number =>
  (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]);

/** Corners of the convex hull in one sense of rotation (Andrew 1979, monotone chains). */
function convexHull(points: readonly Place[]): Place[] {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const chain = (list: readonly Place[]): Place[] => {
    const kept: Place[] = [];
    for (const next of list) {
      while (kept.length > 1 && turn(kept.at(-2)!, kept.at(-1)!, next) <= 0) kept.pop();
      kept.push(next);
    }
    return kept.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.toReversed())];
}

function fromHull(hull: readonly Place[], x: number, y: number): number {
  const sides = hull.map((corner, i) => [corner, hull[(i + 1) % hull.length]!] as const);
  const away = Math.min(...sides.map(([from, to]) => fromSegment(from, to, x, y)));
  return sides.every(([from, to]) => turn(from, to, [x, y]) >= 0) ? -away : away;
}

function fromSegment(from: Place, to: Place, x: number, y: number): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const along = ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy);
  const t = Math.max(0, Math.min(1, along));
  return Math.hypot(x - from[0] - t * dx, y - from[1] - t * dy);
}
