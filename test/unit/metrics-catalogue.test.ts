/** Dashboard, alerts and guide speak of the metrics that there are, and of all of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS, type Metric } from '../../src/metrics/catalogue.js';
import { sampleNames } from '../../src/metrics/tally.js';

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const NAMES = Object.keys(METRICS) as Metric[];
const metricOf = new Map(NAMES.flatMap((name) => sampleNames(name).map((sample) => [sample, name] as const)));

/** Samples of ours that an expression reads. */
const samplesIn = (expression: string): string[] => expression.match(/\blatentmorph_\w+/g) ?? [];

/** Labels by which an expression groups and selects. */
const labelsIn = (expression: string): string[] => [
  ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', ')),
  ...[...expression.matchAll(/(\w+)=~?"/g)].map(([, label]) => label!),
];

function check(expression: string, legend = ''): void {
  const metrics = samplesIn(expression).map((sample) => metricOf.get(sample));
  expect(metrics, expression).not.toContain(undefined);
  const known = metrics.flatMap((name): string[] => [...METRICS[name!].labels, 'le']);
  expect(known, expression).toEqual(expect.arrayContaining(labelsIn(expression)));
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
  expect(labelsIn(expression), legend).toEqual(expect.arrayContaining(shown));
}

describe('the Grafana dashboard', () => {
  interface Panel {
    id: number;
    title: string;
    targets: { expr: string; legendFormat: string }[];
  }
  const { panels } = JSON.parse(text('deploy/grafana/latentmorph.json')) as { panels: Panel[] };
  const targets = panels.flatMap((panel) => panel.targets);

  test('reads only metrics and labels that there are', () => {
    for (const { expr, legendFormat } of targets) {
      expect(samplesIn(expr).length, expr).toBeGreaterThan(0);
      check(expr, legendFormat);
    }
  });

  test('shows every metric, each panel under a name of its own', () => {
    const shown = new Set(targets.flatMap(({ expr }) => samplesIn(expr).map((one) => metricOf.get(one))));
    expect([...shown].sort()).toEqual([...NAMES].sort());
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

describe('the files for Prometheus', () => {
  test('alert about metrics and labels that there are', () => {
    const { groups } = parse(text('deploy/prometheus/alerts.yml')) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(3);
    for (const { expr } of rules) check(expr);
  });

  test('ask for scopes that there are', () => {
    const { scrape_configs: jobs } = parse(text('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: { metrics_path: string; params: { scope: string[] } }[];
    };
    expect(jobs.map(({ metrics_path: path, params }) => [path, ...params.scope])).toEqual([
      ['/metrics', 'process'],
      ['/metrics', 'service'],
    ]);
    expect(text('openapi.yaml')).toMatch(/\/metrics:[\s\S]*?- process\n\s*- service/);
  });
});

test('the guide has a row for each metric, with its labels', () => {
  const guide = text('docs/guides/observability.md');
  const rows = new Map(
    [...guide.matchAll(/^\| `(latentmorph_\w+)` \| \w+ \| (.*?) \|/gm)].map(([, name, labels]) => [
      name,
      [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]),
  );
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(NAMES.map((name) => [name, [...METRICS[name].labels]])),
  );
});

describe('names', () => {
  test.each(NAMES)('%s follows the rules of Prometheus', (name) => {
    const { type } = METRICS[name];
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') {
      expect(name).toMatch(/_seconds$/);
      const { buckets } = METRICS[name] as { buckets: readonly number[] };
      expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
    }
  });
});
