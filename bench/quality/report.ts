/** What `bench:quality` says of its measurements. */
import { MORPH_MODES, type MorphMode } from '../../src/contracts.js';
import { table } from '../table.js';
import { comesNearer, isMonotone, type PairResult } from './pairs.js';
import type { PhotoResult } from './photo.js';

export interface QualityRun {
  source: string;
  preset: string | undefined;
  options: object;
  photos: readonly PhotoResult[];
  /** Photos whose results came from the cache. */
  cached: number;
  pairs: readonly PairResult[];
  sheet: string | undefined;
  machine: string;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const nearerShare = (pairs: readonly PairResult[]): number =>
  mean(pairs.map(({ toA, toB }) => Number(comesNearer(toA, toB))));

/** Share of the pairs along which the distance to a never rises and that to b never falls. */
const monotoneShare = (pairs: readonly PairResult[], of: 'photos' | 'made'): number =>
  mean(
    pairs.map(({ toA, toB, toMadeA, toMadeB }) =>
      Number(of === 'photos' ? isMonotone(toA, toB) : isMonotone(toMadeA, toMadeB)),
    ),
  );

export function summaryOf(photos: readonly PhotoResult[], pairs: readonly PairResult[]) {
  const over = (name: 'lpips' | 'mse' | 'identity' | 'pnMean' | 'pnMax' | 'seconds' | 'firstPreview') =>
    photos.map((photo) => photo[name]);
  const linear = pairs.filter(({ mode }) => mode === 'linear');
  return {
    lpipsMean: mean(over('lpips')),
    lpipsMax: Math.max(...over('lpips')),
    mseMean: mean(over('mse')),
    identityMean: mean(over('identity')),
    identityMax: Math.max(...over('identity')),
    pnMean: mean(over('pnMean')),
    pnMax: Math.max(...over('pnMax')),
    seconds: mean(over('seconds')),
    secondsMax: Math.max(...over('seconds')),
    firstPreviewMax: Math.max(...over('firstPreview')),
    diverged: photos.filter(({ diverged }) => diverged).length,
    monotonePairs: linear.length > 0 ? monotoneShare(linear, 'photos') : null,
    monotonePairsMade: linear.length > 0 ? monotoneShare(linear, 'made') : null,
    nearerPairs: linear.length > 0 ? nearerShare(linear) : null,
    modes: MORPH_MODES.flatMap((mode) => summaryOfMode(pairs, mode) ?? []),
  };
}

function summaryOfMode(pairs: readonly PairResult[], mode: MorphMode) {
  const own = pairs.filter((pair) => pair.mode === mode);
  if (own.length === 0) return undefined;
  return {
    mode,
    pairs: own.length,
    pplMean: mean(own.map(({ ppl }) => ppl)),
    pnWorst: Math.max(...own.flatMap(({ pn }) => pn)),
    saturationWorst: Math.max(...own.flatMap(({ saturation }) => saturation)),
    monotone: monotoneShare(own, 'photos'),
    monotoneMade: monotoneShare(own, 'made'),
    nearer: nearerShare(own),
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The result as text and as the object behind `--json`. */
export function report(run: QualityRun): { text: string; json: object } {
  const { photos, pairs } = run;
  const summary = summaryOf(photos, pairs);
  const lines = [
    `${photos.length} photos (${run.source}), preset ${run.preset ?? 'default'}. ${run.machine}`,
    `${run.cached} of them came from the cache, with their seconds.`,
    '',
    table([
      [
        'photo',
        'LPIPS',
        'average',
        'MSE',
        'identity',
        'P_N',
        'P_N max',
        'steps',
        'first preview',
        'seconds',
        '',
      ],
      ...photos.map((p) => [
        p.id,
        p.lpips.toFixed(3),
        p.averageLpips.toFixed(3),
        p.mse.toFixed(4),
        p.identity.toFixed(3),
        p.pnMean.toFixed(2),
        p.pnMax.toFixed(2),
        `${p.steps}`,
        p.firstPreview.toFixed(1),
        p.seconds.toFixed(1),
        [...(p.diverged ? ['diverged'] : []), ...p.warnings].join(' '),
      ]),
      [
        'mean',
        summary.lpipsMean.toFixed(3),
        mean(photos.map(({ averageLpips }) => averageLpips)).toFixed(3),
        summary.mseMean.toFixed(4),
        summary.identityMean.toFixed(3),
        summary.pnMean.toFixed(2),
        '',
        '',
        '',
        summary.seconds.toFixed(1),
        `${summary.diverged} diverged`,
      ],
    ]),
  ];
  if (pairs.length > 0) lines.push('', ...pairLines(pairs, summary));
  if (run.sheet) lines.push('', `Photo, first preview, result: ${run.sheet}`);
  const { source, preset, options, machine, cached, sheet } = run;
  const head = { bench: 'quality', source, preset: preset ?? null, options, machine };
  return {
    text: lines.join('\n'),
    json: { ...head, ...summary, cached, photos, pairs, sheet: sheet ?? null },
  };
}

function pairLines(pairs: readonly PairResult[], { modes }: ReturnType<typeof summaryOf>): string[] {
  return [
    'Along the morphs, 11 lambdas each:',
    table([
      [
        'pair',
        'mode',
        'PPL',
        'worst P_N',
        'saturated',
        'monotone to photos',
        'to reconstructions',
        'nearer to a than b',
      ],
      ...pairs.map((pair) => [
        `${pair.a} ${pair.b}`,
        pair.mode,
        pair.ppl.toExponential(2),
        Math.max(...pair.pn).toFixed(2),
        percent(Math.max(...pair.saturation)),
        isMonotone(pair.toA, pair.toB) ? 'yes' : 'no',
        isMonotone(pair.toMadeA, pair.toMadeB) ? 'yes' : 'no',
        comesNearer(pair.toA, pair.toB) ? 'yes' : 'no',
      ]),
      ...modes.map((summary) => [
        'all',
        summary.mode,
        summary.pplMean.toExponential(2),
        summary.pnWorst.toFixed(2),
        percent(summary.saturationWorst),
        percent(summary.monotone),
        percent(summary.monotoneMade),
        percent(summary.nearer),
      ]),
    ]),
  ];
}
