/** What a worker has counted since it last handed it on. */
import { type LabelsOf, METRICS, type Metric, type MetricOf, type Sample } from './catalogue.js';

export class Tally {
  readonly #samples = new Map<string, Sample>();

  count<N extends MetricOf<'counter', 'shared'>>(name: N, labels: LabelsOf<N>, by = 1): void {
    this.#add({ name, labels, value: by });
  }

  observe<N extends MetricOf<'histogram', 'shared'>>(name: N, labels: LabelsOf<N>, seconds: number): void {
    const { buckets } = METRICS[name];
    // All buckets, so that no reader meets some of them without the others.
    for (const le of [...buckets.map(String), '+Inf'])
      this.#add({
        name: `${name}_bucket`,
        labels: { ...labels, le },
        value: seconds <= upperBound(le) ? 1 : 0,
      });
    this.#add({ name: `${name}_sum`, labels, value: seconds });
    this.#add({ name: `${name}_count`, labels, value: 1 });
  }

  /**
   * Hands everything on and begins anew. What `add` rejects is kept for the next time: if it did arrive, it is then counted
   * twice, which is better than an engine that seems never to have crashed.
   */
  async handOn(add: (samples: readonly Sample[]) => Promise<void>): Promise<void> {
    const samples = [...this.#samples.values()];
    this.#samples.clear();
    if (samples.length === 0) return;
    try {
      await add(samples);
    } catch (error) {
      for (const sample of samples) this.#add(sample);
      throw error;
    }
  }

  #add({ name, labels, value }: Sample): void {
    const key = JSON.stringify([name, labels]);
    const before = this.#samples.get(key)?.value ?? 0;
    this.#samples.set(key, { name, labels, value: before + value });
  }
}

/** Begins at 0 the series that alerts look at: the first of its events would else be no increase. */
export function beginSeries(tally: Tally): void {
  tally.count('latentmorph_engine_restarts_total', {}, 0);
  tally.count('latentmorph_blobs_damaged_total', {}, 0);
  for (const outcome of ['succeeded', 'failed', 'abandoned'])
    tally.count('latentmorph_embeddings_total', { outcome }, 0);
}

/** What the label `le` of a bucket says. */
export const upperBound = (le = '+Inf'): number => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le));

/** Names of the samples of a metric. */
export const sampleNames = (name: Metric): string[] =>
  METRICS[name].type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name];
