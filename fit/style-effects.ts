/** What each style does to a face, measured on pairs of which one style at a time was swapped (fit/swaps.ts). */
import { type Face, faceOf } from './landmark-regions.js';
import { KEPT, type Look } from './swaps.js';

const PLANE = KEPT * KEPT;
/** Landmarks of the brows and of the eyes. */
const [BROWS, EYES] = [[17, 26] as const, [36, 47] as const];

export interface StyleEffects {
  /** By style: share of the squared change of the skin that is one flat colour. */
  flat: number[];
  /** By style: root mean squared movement of the landmarks of brows and eyes, face laid on face, over that of the style that moves them most. */
  eyes: number[];
}

/** `pairs`: for each its looks, the first face and then with each style of the second. Pairs in which a face is lost are left out. */
export function styleEffects(pairs: readonly (readonly Look[])[]): StyleEffects {
  const whole = pairs.filter((looks) => looks.every(({ landmarks }) => !Number.isNaN(landmarks[0]!)));
  if (whole.length === 0) throw new Error('Expected pairs with faces but found none');
  const styles = whole[0]!.length - 1;
  const sums = Array.from({ length: styles }, () => ({ flat: 0, skin: 0, eyes: 0 }));
  for (const [base, ...swapped] of whole) {
    const places = skinOf(faceOf(base!.landmarks));
    swapped.forEach((look, style) => {
      const sum = sums[style]!;
      const skin = change(base!.image, look.image, places);
      sum.flat += skin.flat;
      sum.skin += skin.total;
      const laid = laidOn(base!.landmarks, look.landmarks);
      sum.eyes += moved(base!.landmarks, laid, BROWS) + moved(base!.landmarks, laid, EYES);
    });
  }
  const most = Math.max(...sums.map(({ eyes }) => eyes));
  return {
    flat: sums.map(({ flat, skin }) => flat / skin),
    eyes: sums.map(({ eyes }) => Math.sqrt(eyes / most)),
  };
}

/** Indices of pixels well on the skin. */
function skinOf({ eyes, nose, mouth, face }: Face): number[] {
  const places = Array.from({ length: PLANE }, (_, i) => i);
  return places.filter((i) => {
    const [x, y] = [((i % KEPT) + 0.5) / KEPT, (Math.floor(i / KEPT) + 0.5) / KEPT];
    return face(x, y) < -0.01 && Math.min(eyes(x, y), nose(x, y), mouth(x, y)) > 0.01;
  });
}

/** Mean squared change over places and channels, and what of it is the same everywhere. */
function change(base: Float32Array, image: Float32Array, places: readonly number[]) {
  let [total, flat] = [0, 0];
  for (let channel = 0; channel < 3; channel++) {
    let [sum, squares] = [0, 0];
    for (const place of places) {
      const difference = image[channel * PLANE + place]! - base[channel * PLANE + place]!;
      sum += difference;
      squares += difference * difference;
    }
    total += squares / places.length / 3;
    flat += (sum / places.length) ** 2 / 3;
  }
  return { total, flat };
}

/** Points moved, turned and scaled to lie on `base` as well as they can, in least squares. */
function laidOn(base: Float32Array, points: Float32Array): Float32Array {
  const count = base.length / 2;
  const centre = (all: Float32Array, axis: number): number =>
    all.reduce((sum, value, i) => (i % 2 === axis ? sum + value : sum), 0) / count;
  const [bx, by, px, py] = [centre(base, 0), centre(base, 1), centre(points, 0), centre(points, 1)];
  let [cos, sin, square] = [0, 0, 0];
  for (let i = 0; i < base.length; i += 2) {
    const [ux, uy] = [points[i]! - px, points[i + 1]! - py];
    const [vx, vy] = [base[i]! - bx, base[i + 1]! - by];
    cos += ux * vx + uy * vy;
    sin += ux * vy - uy * vx;
    square += ux * ux + uy * uy;
  }
  const [c, s] = [cos / square, sin / square];
  return points.map((_, i) => {
    const [ux, uy] = [points[i - (i % 2)]! - px, points[i - (i % 2) + 1]! - py];
    return i % 2 === 0 ? c * ux - s * uy + bx : s * ux + c * uy + by;
  });
}

/** Mean squared distance of landmarks from..to. */
function moved(base: Float32Array, points: Float32Array, [from, to]: readonly [number, number]): number {
  let sum = 0;
  for (let i = 2 * from; i <= 2 * to + 1; i++) sum += (points[i]! - base[i]!) ** 2;
  return sum / (to - from + 1);
}
