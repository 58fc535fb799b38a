/** When a run gets how far: a trajectory of judged latents against levels to reach. */
import { median } from '../statistics.js';
import type { Verdict } from './judge.js';

/** LPIPS values whose first crossing is reported, the easiest first. */
export const LEVELS = [0.4, 0.3, 0.25, 0.2, 0.15] as const;

/** A judged point of a run. */
export interface Mark extends Verdict {
  /** Adam steps taken. */
  step: number;
  /** Seconds that they took. */
  seconds: number;
}

export interface Reached {
  step: number;
  seconds: number;
}

/** The first mark at or below a value of its loss or LPIPS; undefined when there is none. NaN reaches nothing. */
export function reach(marks: readonly Mark[], measure: keyof Verdict, value: number): Reached | undefined {
  const mark = marks.find((one) => one[measure] <= value);
  return mark && { step: mark.step, seconds: mark.seconds };
}

/** One photo, both ways. */
export interface Pair {
  id: string;
  ours: readonly Mark[];
  paper: readonly Mark[];
}

/**
 * How many times faster ours gets to the loss at which the paper's run ends; 0 when it never does, so that a median over
 * photos is not the better for failures.
 */
export function speedup({ ours, paper }: Pair): number {
  const end = paper.at(-1);
  if (!end) throw new RangeError('Expected a run of the paper with at least one mark');
  const reached = reach(ours, 'loss', end.loss);
  return reached ? end.seconds / reached.seconds : 0;
}

export interface Level {
  lpips: number;
  /** Photos on which each gets there. */
  oursReached: number;
  paperReached: number;
  /** Median of paper's time to ours over the photos on which both do; undefined when there are none. */
  speedup: number | undefined;
}

export function levelsOf(pairs: readonly Pair[]): Level[] {
  return LEVELS.map((lpips) => {
    const both = pairs.map(
      (pair) => [reach(pair.ours, 'lpips', lpips), reach(pair.paper, 'lpips', lpips)] as const,
    );
    const ratios = both.flatMap(([ours, paper]) => (ours && paper ? [paper.seconds / ours.seconds] : []));
    return {
      lpips,
      oursReached: both.filter(([ours]) => ours).length,
      paperReached: both.filter(([, paper]) => paper).length,
      speedup: ratios.length > 0 ? median(ratios) : undefined,
    };
  });
}
