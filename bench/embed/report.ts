/** What `bench:embed` says of its measurements. */

import type { OurOptions } from '../engine.js';
import { median } from '../statistics.js';
import { table } from '../table.js';
import { LEVELS, levelsOf, type Mark, type Pair, type Reached, reach, speedup } from './levels.js';
import type { PaperCurve } from './paper.js';

export interface OurRun {
  marks: Mark[];
  /** Its loss became no number, and the run ended there. */
  diverged: boolean;
}

export interface Measured {
  photos: { id: string; ours: Record<OurOptions, OurRun>; curve: PaperCurve }[];
  list: string;
  steps: number;
  paperSteps: number;
  /** Median over this run; every time of the paper is its number of steps times this. */
  paperStepSeconds: number;
  machine: string;
}

const time = (reached: Reached | undefined): string =>
  reached ? `${reached.seconds.toFixed(1)} (${reached.step})` : '-';
const factor = (ratio: number | undefined): string => (ratio ? ratio.toFixed(2) : '-');

/** The result as text and as the object behind `--json`. */
export function report(measured: Measured): { text: string; json: object } {
  const { photos, paperSteps, paperStepSeconds } = measured;
  const pairsOf = (name: OurOptions): Pair[] =>
    photos.map(({ id, ours, curve }) => ({
      id,
      ours: ours[name].marks,
      paper: curve.marks.map((mark) => ({ ...mark, seconds: mark.step * paperStepSeconds })),
    }));
  const [alone, defaults] = [pairsOf('alone'), pairsOf('defaults')];
  const speedups = alone.map(speedup);
  const levels = levelsOf(defaults);
  const reached = speedups.filter((x) => x > 0).length;
  const cached = photos.reduce((sum, { curve }) => sum + curve.cachedSteps, 0);
  const text = [
    `Ours (${measured.steps} steps) against the paper's protocol (average latent, W, rate 0.01, ${paperSteps} steps).`,
    `${photos.length} ${measured.list} photos. ${measured.machine}`,
    `Time of the paper: steps x ${paperStepSeconds.toFixed(3)} s, the median of its steps timed in turns with ours.`,
    `Its curves: ${cached} of ${photos.length * paperSteps} steps came from the cache.`,
    '',
    `Seconds (steps) until the paper's loss after ${paperSteps} steps is reached, by our steps with that loss alone:`,
    table([
      ['photo', 'loss', 'paper', 'ours', 'speedup', 'our end', 'loss'],
      ...alone.map((pair, i) => {
        const [end, ourEnd] = [pair.paper.at(-1)!, pair.ours.at(-1)];
        const { diverged } = photos[i]!.ours.alone;
        return [
          pair.id,
          end.loss.toFixed(1),
          time(end),
          time(reach(pair.ours, 'loss', end.loss)),
          factor(speedups[i]),
          diverged ? 'diverged' : time(ourEnd),
          ourEnd?.loss.toFixed(1) ?? '-',
        ];
      }),
    ]),
    '',
    'Seconds (steps) until an LPIPS is reached, ours with the defaults / the paper, and LPIPS at their ends:',
    table([
      ['photo', 'end', ...LEVELS.map((level) => level.toFixed(2))],
      ...defaults.map(({ id, ours, paper }) => [
        id,
        `${ours.at(-1)?.lpips.toFixed(3) ?? '-'} / ${paper.at(-1)!.lpips.toFixed(3)}`,
        ...LEVELS.map(
          (level) => `${time(reach(ours, 'lpips', level))} / ${time(reach(paper, 'lpips', level))}`,
        ),
      ]),
      ['median speedup', '', ...levels.map((level) => factor(level.speedup))],
      ['photos', '', ...levels.map(({ oursReached, paperReached }) => `${oursReached} / ${paperReached}`)],
    ]),
    '',
    `speedup to the paper's loss: median ${median(speedups).toFixed(2)}, least ${Math.min(...speedups).toFixed(2)}, reached on ${reached} of ${photos.length} photos`,
  ].join('\n');
  const json = {
    bench: 'embed',
    speedup: median(speedups),
    speedupMin: Math.min(...speedups),
    reached,
    paperStepSeconds,
    paperTime: 'steps x paperStepSeconds',
    photos: alone.map((pair, i) => ({
      id: pair.id,
      speedup: speedups[i],
      toPaperLoss: reach(pair.ours, 'loss', pair.paper.at(-1)!.loss) ?? null,
      alone: { ...outline(pair.ours), diverged: photos[i]!.ours.alone.diverged },
      defaults: { ...outline(defaults[i]!.ours), diverged: photos[i]!.ours.defaults.diverged },
      paper: { ...outline(pair.paper), cachedSteps: photos[i]!.curve.cachedSteps },
    })),
    levels: levels.map((level) => ({ ...level, speedup: level.speedup ?? null })),
    list: measured.list,
    steps: measured.steps,
    paperSteps,
    machine: measured.machine,
  };
  return { text, json };
}

/** The end of a run, and when it came to each level. */
const outline = (marks: readonly Mark[]) => ({
  end: marks.at(-1) ?? null,
  levels: LEVELS.map((lpips) => ({
    lpips,
    ...(reach(marks, 'lpips', lpips) ?? { step: null, seconds: null }),
  })),
});
