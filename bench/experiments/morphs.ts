/** Figures 4 and 5: morphs along lambda, and the three modes of interpolation. */
import { MORPH_MODES, type MorphMode } from '../../src/contracts.js';
import { progress } from '../progress.js';
import { isMonotone, LAMBDAS, measuredPair, type PairResult } from '../quality/pairs.js';
import type { Embedded } from '../quality/photo.js';
import type { Laboratory } from './laboratory.js';
import type { Chart } from './line-chart.js';
import { markdownTable, type Report } from './report.js';

/** Lambdas of the pictures. */
const SHOWN = [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1] as const;

export const figure4 = (lab: Laboratory): Promise<Report> =>
  figure(lab, 'Figure 4: morphs along lambda', ['linear']);

export const figure5 = (lab: Laboratory): Promise<Report> =>
  figure(lab, 'Figure 5: modes of interpolation', MORPH_MODES);

async function figure(lab: Laboratory, title: string, modes: readonly MorphMode[]): Promise<Report> {
  const pairs = lab.pairs((await lab.project([{}])).map(([one]) => one!));
  const bar = progress('morphs', pairs.length * modes.length);
  const measured: PairResult[] = [];
  const rows = [];
  for (const [a, b] of pairs) {
    for (const mode of modes) {
      measured.push(await measuredPair(lab.bench.judge, a, b, mode));
      rows.push(await pictures(lab, a, b, mode));
      bar.tick(`${a.result.id} to ${b.result.id}, ${mode}`);
    }
  }
  bar.stop();
  return {
    title,
    text: [
      lab.protocol,
      'At lambda 1 the linear morph is the first of a pair, at 0 the second. Style and attribute cross over half-way. Worst P_N, and most channel values beyond black and white, of 11 lambdas; identity is monotone where the distance to the reconstruction of the first never rises and that to the second never falls.',
      markdownTable([
        ['pair', 'mode', 'PPL', 'worst P_N', 'saturated', 'identity monotone'],
        ...measured.map((pair) => [
          `${pair.a}, ${pair.b}`,
          pair.mode,
          pair.ppl.toExponential(3),
          Math.max(...pair.pn).toFixed(2),
          `${(100 * Math.max(...pair.saturation)).toFixed(1)} %`,
          isMonotone(pair.toMadeA, pair.toMadeB) ? 'yes' : 'no',
        ]),
      ]),
    ],
    charts: Object.fromEntries(modes.map((mode) => [mode, identityChart(measured, mode)])),
    pictures: { morphs: await lab.sheet(rows) },
  };
}

/** The two photos with the morphs between them. */
async function pictures(lab: Laboratory, a: Embedded, b: Embedded, mode: MorphMode) {
  const cells = [{ image: b.aligned, label: b.result.id }];
  for (const lambda of SHOWN) {
    const latent = lab.bench.judge.morph(a.latent, b.latent, mode, lambda);
    cells.push({ image: await lab.picture(latent), label: `${mode} ${lambda}` });
  }
  return [...cells, { image: a.aligned, label: a.result.id }];
}

/** Descriptor distances to both ends of every pair along lambda. */
const identityChart = (measured: readonly PairResult[], mode: MorphMode): Chart => ({
  title: `Identity along the ${mode} morph`,
  x: 'lambda',
  y: 'descriptor distance',
  series: measured
    .filter((pair) => pair.mode === mode)
    .flatMap(({ a, b, toMadeA, toMadeB }) => [
      { name: `to ${a}`, points: LAMBDAS.map((lambda, i) => [lambda, toMadeA[i]!] as const) },
      { name: `to ${b}`, points: LAMBDAS.map((lambda, i) => [lambda, toMadeB[i]!] as const) },
    ]),
});
