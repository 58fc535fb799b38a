/** What each style does to a face, measured on pairs of which one style at a time was swapped (fit/swaps.ts). */
import { type Face, faceOf } from './landmark-regions.js';
import { KEPT, type Look } from './swaps.js';

const PLANE = KEPT * KEPT;
const JAW = [0, 16] as const;
const MOUTH = [48, 67] as const;

export interface StyleEffects {
  /** By style: share of the squared change of the skin that is one flat colour. */
  flat: number[];
  /** By style: root mean squared change of what lies around the head over that of the skin. */
  around: number[];
  /** By style: root mean squared movement of the mouth's landmarks, face laid on face, over that of the jaw's. */
  mimic: number[];
}

/** `pairs`: for each its looks, the first face and then with each style of the second. Pairs in which a face is lost are left out. */
export function styleEffects(pairs: readonly (readonly Look[])[]): StyleEffects {
  const whole = pairs.filter((looks) => looks.every(({ landmarks }) => !Number.isNaN(landmarks[0]!)));
  if (whole.length === 0) throw new Error('Expected pairs with faces but found none');
  const styles = whole[0]!.length - 1;
  const sums = Array.from({ length: styles }, () => ({ flat: 0, skin: 0, around: 0, mouth: 0, jaw: 0 }));
  for (const [base, ...swapped] of whole) {
    const places = placesOf(faceOf(base!.landmarks));
    swapped.forEach((look, style) => {
      const sum = sums[style]!;
      const skin = change(base!.image, look.image, places.skin);
      sum.flat += skin.flat;
      sum.skin += skin.total;
      sum.around += change(base!.image, look.image, places.around).total;
      const laid = laidOn(base!.landmarks, look.landmarks);
      sum.mouth += moved(base!.landmarks, laid, MOUTH);
      sum.jaw += moved(base!.landmarks, laid, JAW);
    });
  }
  return {
    flat: sums.map(({ flat, skin }) => flat / skin),
    around: sums.map(({ around, skin }) => Math.sqrt(around / skin)),
    mimic: sums.map(({ mouth, jaw }) => Math.sqrt(mouth / jaw)),
  };
}

/** Indices of pixels well on the skin, and well outside of the head above the chin. */
function placesOf({ eyes, nose, mouth, face, head, chin }: Face): { skin: number[]; around: number[] } {
  const [skin, around]: [number[], number[]] = [[], []];
  for (let i = 0; i < PLANE; i++) {
    const [x, y] = [((i % KEPT) + 0.5) / KEPT, (Math.floor(i / KEPT) + 0.5) / KEPT];
    if (face(x, y) < -0.01 && Math.min(eyes(x, y), nose(x, y), mouth(x, y)) > 0.01) skin.push(i);
    else if (y < chin && head(x, y) > 0.03) around.push(i);
  }
  return { skin, around };
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
