/** Which lambda each frame of an animation shows, and for how long. */
import type { Pace } from '../contracts.js';

export const EASINGS = ['linear', 'ease-in-out'] as const;
export type Easing = (typeof EASINGS)[number];

export interface Timeline {
  /** Lambda of the first frame and of the last one on the way there. */
  from: number;
  to: number;
  /** Frames on the way there, at least 2. */
  frames: number;
  easing: Easing;
  /** Goes back the way it came, so that a loop has no jump. */
  pingpong: boolean;
  /** Spreads the frames evenly over what is seen, not over lambda. */
  pace?: Pace | undefined;
}

/** Frames of the same lambda to four digits are the same picture to the eye, and share one render. */
const round = (lambda: number): number => Math.round(lambda * 1e4) / 1e4;

/** The lambda of every frame in order. On the way back the two ends are not shown a second time. */
export function lambdasOf({ from, to, frames, easing, pingpong, pace }: Timeline): number[] {
  const [start, end] = pace ? [along(pace, from), along(pace, to)] : [from, to];
  const there = Array.from({ length: frames }, (_, i) => {
    const position = start + (end - start) * eased(easing, i / (frames - 1));
    return round(pace ? lambdaAt(pace, position) : position);
  });
  return pingpong ? [...there, ...there.slice(1, -1).reverse()] : there;
}

/** Smoothstep, t^2 (3 - 2t), begins and ends at rest. */
function eased(easing: Easing, t: number): number {
  return easing === 'linear' ? t : t * t * (3 - 2 * t);
}

/** Share of the seen way that lies below a lambda, 0..1. */
const along = ({ lambdas, shares }: Pace, lambda: number): number => interpolated(lambdas, shares, lambda);

const lambdaAt = ({ lambdas, shares }: Pace, share: number): number => interpolated(shares, lambdas, share);

/** The value at x of the polygon through the points (xs, ys); both rise, and x lies within xs. */
function interpolated(xs: readonly number[], ys: readonly number[], x: number): number {
  const after = Math.max(
    1,
    xs.findIndex((other) => other >= x),
  );
  const [x0, x1, y0, y1] = [xs[after - 1]!, xs[after]!, ys[after - 1]!, ys[after]!];
  return x1 === x0 ? y0 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/**
 * How long each of `count` frames is shown, in whole units of which there are `perSecond`; together `seconds`, since what
 * rounding takes from one frame the next one gets.
 */
export function delaysOf(count: number, seconds: number, perSecond: number): number[] {
  const until = (i: number): number => Math.round((i * seconds * perSecond) / count);
  return Array.from({ length: count }, (_, i) => until(i + 1) - until(i));
}
