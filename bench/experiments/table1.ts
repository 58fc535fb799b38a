/** Table 1: loss and perceptual path length against the number of styles. */
import { progress } from '../progress.js';
import type { Embedded } from '../quality/photo.js';
import { mean } from '../quality/report.js';
import type { Laboratory } from './laboratory.js';
import type { Chart } from './line-chart.js';
import { markdownTable, type Report } from './report.js';

export const STYLE_COUNTS = [1, 2, 4, 8, 16] as const;

/** Marks of an axis on which the numbers of styles lie evenly: at their binary logarithms. */
export const STYLE_TICKS = STYLE_COUNTS.map((count) => ({ at: Math.log2(count), label: `${count}` }));

interface Row {
  pair: string;
  styles: number;
  loss: number;
  lpips: number;
  ppl: number;
}

/** Whether every doubling of the styles lowers the loss. */
export const isOrdered = (losses: readonly number[]): boolean =>
  losses.every((loss, i) => i === 0 || loss < losses[i - 1]!);

export async function table1(lab: Laboratory): Promise<Report> {
  const projected = await lab.project(STYLE_COUNTS.map((styles) => ({ styles })));
  const pairs = lab.pairs(projected);
  const bar = progress('path lengths', pairs.length * STYLE_COUNTS.length);
  const rows: Row[] = [];
  for (const [first, second] of pairs) {
    for (const [i, styles] of STYLE_COUNTS.entries()) {
      const [a, b] = [first[i]!, second[i]!];
      rows.push(await rowOf(lab, a, b, styles));
      bar.tick(rows.at(-1)!.pair);
    }
  }
  bar.stop();
  const names = [...new Set(rows.map(({ pair }) => pair))];
  const ordered = names.filter((name) => isOrdered(ofPair(rows, name).map(({ loss }) => loss)));
  return {
    title: 'Table 1: number of styles',
    text: [
      lab.protocol,
      'Loss and LPIPS: mean of the two photos. PPL: of the linear morph between them.',
      markdownTable([
        ['pair', 'styles', 'loss', 'LPIPS', 'PPL'],
        ...rows.map(({ pair, styles, loss, lpips, ppl }) => [
          pair,
          `${styles}`,
          loss.toFixed(1),
          lpips.toFixed(3),
          ppl.toExponential(3),
        ]),
      ]),
      `Every doubling of the styles lowers the loss on ${ordered.length} of ${names.length} pairs.`,
    ],
    charts: {
      loss: chart('Loss', rows, ({ loss }) => loss),
      ppl: chart('Perceptual path length', rows, ({ ppl }) => ppl),
    },
    pictures: {},
  };
}

const ofPair = (rows: readonly Row[], name: string): Row[] => rows.filter(({ pair }) => pair === name);

async function rowOf({ bench }: Laboratory, a: Embedded, b: Embedded, styles: number): Promise<Row> {
  return {
    pair: `${a.result.id}, ${b.result.id}`,
    styles,
    loss: mean([a.result.loss, b.result.loss]),
    lpips: mean([a.result.lpips, b.result.lpips]),
    ppl: await bench.judge.pathLength(a.latent, b.latent, 'linear'),
  };
}

const chart = (title: string, rows: readonly Row[], value: (row: Row) => number): Chart => ({
  title,
  x: 'styles',
  y: title,
  ticks: STYLE_TICKS,
  series: [...new Set(rows.map(({ pair }) => pair))].map((name) => ({
    name,
    points: ofPair(rows, name).map((row) => [Math.log2(row.styles), value(row)] as const),
  })),
});
