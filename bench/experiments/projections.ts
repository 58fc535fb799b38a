/** Figures 2 and 3: what the pixel weight and the number of styles make of a projection. */
import type { Embedded } from '../quality/photo.js';
import { mean } from '../quality/report.js';
import type { Laboratory } from './laboratory.js';
import { markdownTable, type Report } from './report.js';
import { STYLE_COUNTS } from './table1.js';

/** lambda_pixel: the norm of the pixels is some hundredth of the perceptual terms. */
const PIXEL_WEIGHTS = [0, 1, 10, 100] as const;

export async function figure2(lab: Laboratory): Promise<Report> {
  const rows = await lab.project(PIXEL_WEIGHTS.map((pixelWeight) => ({ pixelWeight })));
  return figure(lab, rows, {
    title: 'Figure 2: weight of the pixel term',
    variants: PIXEL_WEIGHTS.map((weight) => `lambda_pixel ${weight}`),
  });
}

export async function figure3(lab: Laboratory): Promise<Report> {
  const rows = await lab.project(STYLE_COUNTS.map((styles) => ({ styles })));
  return figure(lab, rows, {
    title: 'Figure 3: number of styles',
    variants: STYLE_COUNTS.map((count) => (count === 1 ? '1 style' : `${count} styles`)),
  });
}

/** A row of pictures for each photo, means over the photos, and their mean loss from step to step. */
async function figure(
  lab: Laboratory,
  rows: readonly (readonly Embedded[])[],
  { title, variants }: { title: string; variants: readonly string[] },
): Promise<Report> {
  if (rows.length === 0) throw new Error('Expected at least one photo with a face');
  const results = variants.map((_, i) => rows.map((row) => row[i]!.result));
  const cells = rows.map((row) => [
    { image: row[0]!.aligned, label: row[0]!.result.id },
    ...row.map(({ reconstruction }, i) => ({ image: reconstruction, label: variants[i]! })),
  ]);
  return {
    title,
    text: [
      lab.protocol,
      'Means over the photos; the loss here is its perceptual part.',
      markdownTable([
        ['', 'loss', 'LPIPS', 'MSE', 'identity', 'P_N'],
        ...results.map((own, i) => [
          variants[i]!,
          mean(own.map(({ perceptual }) => perceptual)).toFixed(1),
          mean(own.map(({ lpips }) => lpips)).toFixed(3),
          mean(own.map(({ mse }) => mse)).toFixed(4),
          mean(own.map(({ identity }) => identity)).toFixed(3),
          mean(own.map(({ pnMean }) => pnMean)).toFixed(2),
        ]),
      ]),
    ],
    charts: {
      steps: {
        title: 'Loss from step to step, all terms, at the side of the steps',
        x: 'step',
        y: 'loss',
        series: results.map((own, i) => ({
          name: variants[i]!,
          points: meanCurve(own.map(({ losses }) => losses)).map((loss, step) => [step, loss] as const),
        })),
      },
    },
    pictures: { photos: await lab.sheet(cells) },
  };
}

/** Mean of curves, as far as the shortest of them goes. */
export function meanCurve(curves: readonly (readonly number[])[]): number[] {
  const length = Math.min(...curves.map((curve) => curve.length));
  return Array.from({ length }, (_, step) => mean(curves.map((curve) => curve[step]!)));
}
