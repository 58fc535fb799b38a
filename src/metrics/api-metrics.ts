/** What an API process counts of itself. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type LabelsOf, METRICS, type MetricOf } from './catalogue.js';

const REQUESTS = 'latentmorph_http_requests_total';
const SECONDS = 'latentmorph_http_request_seconds';
const CACHE = 'latentmorph_render_cache_total';

export class ApiMetrics {
  readonly #registry = new Registry();
  readonly #requests = this.#counter(REQUESTS);
  readonly #seconds: Histogram;
  readonly #cache = this.#counter(CACHE);

  constructor() {
    const { help, labels, buckets } = METRICS[SECONDS];
    this.#seconds = new Histogram({
      name: SECONDS,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
    for (const result of ['hit', 'miss'] as const) this.#cache.inc({ result }, 0);
  }

  /** Adds what prom-client tells about a process: memory, event loop, garbage. Once for a process. */
  aboutProcess(): this {
    collectDefaultMetrics({ register: this.#registry });
    return this;
  }

  answered({ status, ...where }: LabelsOf<typeof REQUESTS>, seconds: number): void {
    this.#requests.inc({ ...where, status });
    this.#seconds.observe(where, seconds);
  }

  /** An image or a measurement was asked for. */
  asked(result: 'hit' | 'miss'): void {
    this.#cache.inc({ result });
  }

  /** As Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter(name: MetricOf<'counter', 'process'>): Counter {
    const { help, labels } = METRICS[name];
    return new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }
}
