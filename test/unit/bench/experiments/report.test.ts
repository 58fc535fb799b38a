import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Chart, lineChart, roundTicks } from '../../../../bench/experiments/line-chart.js';
import { meanCurve } from '../../../../bench/experiments/projections.js';
import { markdownTable, writeReport } from '../../../../bench/experiments/report.js';
import { isOrdered } from '../../../../bench/experiments/table1.js';

const chart: Chart = {
  title: 'Loss < PPL & more',
  x: 'styles',
  y: 'loss',
  series: [
    {
      name: 'a',
      points: [
        [0, 10],
        [4, 30],
      ],
    },
    { name: 'b', points: [[2, 20]] },
  ],
};

describe('a line chart', () => {
  it('puts the least and the greatest point into opposite corners, and the middle one between them', () => {
    const svg = lineChart(chart);
    const [first, last, middle] = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(
      ([, x, y]) => [Number(x), Number(y)] as const,
    );
    expect(first![0]).toBeLessThan(last![0]);
    expect(first![1]).toBeGreaterThan(last![1]);
    expect(middle![0]).toBeCloseTo((first![0] + last![0]) / 2, 1);
    expect(middle![1]).toBeCloseTo((first![1] + last![1]) / 2, 1);
  });

  it('escapes its texts, gives equal bytes for equal points, and closes every element', () => {
    const svg = lineChart(chart);
    expect(svg).toContain('Loss &lt; PPL &amp; more');
    expect(lineChart(structuredClone(chart))).toBe(svg);
    for (const line of svg.trim().split('\n').slice(1, -1)) expect(line).toMatch(/\/>$|<\/text>$/);
  });

  it('marks the places that it is told to', () => {
    const svg = lineChart({ ...chart, ticks: [{ at: 2, label: 'half' }] });
    expect(svg).toContain('>half</text>');
  });

  it('refuses points that cannot be drawn, and draws one alone', () => {
    expect(() => lineChart({ ...chart, series: [] })).toThrow('finite points');
    expect(() => lineChart({ ...chart, series: [{ name: 'a', points: [[0, Number.NaN]] }] })).toThrow(
      'finite',
    );
    expect(lineChart({ ...chart, series: [{ name: 'a', points: [[3, 3]] }] })).not.toContain('NaN');
  });

  it.each([
    [
      [0, 10],
      [0, 2, 4, 6, 8, 10],
    ],
    [
      [-0.3, 0.4],
      [-0.2, 0, 0.2, 0.4],
    ],
    [
      [123, 456],
      [200, 300, 400],
    ],
  ] as const)('has round marks in %j', (ends, expected) => {
    const ticks = roundTicks(ends);
    expect(ticks).toHaveLength(expected.length);
    for (const [i, tick] of ticks.entries()) expect(tick).toBeCloseTo(expected[i]!, 9);
  });
});

describe('a report', () => {
  it('sets tables in Markdown and refuses ragged ones', () => {
    expect(
      markdownTable([
        ['pair', 'loss'],
        ['a|b', '1'],
      ]),
    ).toBe('| pair | loss |\n| --- | ---: |\n| a\\|b | 1 |');
    expect(() => markdownTable([['a', 'b'], ['c']])).toThrow('Expected 2 cells but received 1');
  });

  it('writes what its Markdown shows, pictures apart from the rest', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latentmorph-report-'));
    try {
      const path = await writeReport(folder, 'figure9', {
        title: 'Figure 9',
        text: ['Text.'],
        charts: { loss: chart },
        pictures: { faces: Uint8Array.of(1) },
      });
      const text = await readFile(path, 'utf8');
      const shown = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to);
      expect(shown).toEqual(['figure9-loss.svg', 'images/figure9-faces.png']);
      expect(text).toMatch(/^# Figure 9\n\nMade by `npm run experiments -- figure9`/);
      const written = await readdir(folder, { recursive: true });
      expect(written).toEqual(expect.arrayContaining(['figure9-loss.svg', 'images/figure9-faces.png']));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

it('more styles are in order where every doubling lowers the loss', () => {
  expect(isOrdered([5, 4, 3])).toBe(true);
  expect(isOrdered([5, 5, 3])).toBe(false);
  expect(isOrdered([5, 4, 4.5])).toBe(false);
});

it('the mean of curves ends with the shortest', () => {
  expect(
    meanCurve([
      [1, 3, 5],
      [3, 5],
    ]),
  ).toEqual([2, 4]);
});
