/** The metrics that are of no process: sums of all workers, and what is looked up when asked for. */
import { AggregatorRegistry } from 'prom-client';
import { METRICS, type Metric, type Sample } from './catalogue.js';
import { sampleNames, upperBound } from './tally.js';

/** Samples as Prometheus reads them. Those that belong to no metric of the catalogue are left out. */
export function exposition(samples: readonly Sample[]): Promise<string> {
  const sorted = samples.map((sample) => ({ sample, series: seriesOf(sample) })).sort(inOrder);
  const shown = (Object.keys(METRICS) as Metric[]).filter((name) => METRICS[name].of !== 'process');
  const metrics = shown.map((name) => {
    const { help, type } = METRICS[name];
    const names = sampleNames(name);
    const values = sorted
      .filter(({ sample }) => names.includes(sample.name))
      .map(({ sample }) => ({ metricName: sample.name, labels: sample.labels, value: sample.value }));
    return { name, help, type, aggregator: 'sum', values };
  });
  return AggregatorRegistry.aggregate([metrics]).metrics();
}

interface Sorted {
  sample: Sample;
  series: string;
}

/** Name and labels, those of all buckets of a histogram alike. */
const seriesOf = ({ name, labels: { le: _, ...labels } }: Sample): string =>
  JSON.stringify([name, Object.entries(labels).sort()]);

/** The format asks for buckets from the smallest to infinity. */
const inOrder = (a: Sorted, b: Sorted): number =>
  a.series === b.series
    ? upperBound(a.sample.labels.le) - upperBound(b.sample.labels.le)
    : a.series < b.series
      ? -1
      : 1;
