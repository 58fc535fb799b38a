/** Spans of what is done, for whoever collects traces. Without a collector nothing is made and nothing loaded. */
import type { Config } from '../config.js';
import type { Trail } from '../trail.js';

export interface SpanOptions {
  kind?: 'server' | 'producer' | 'consumer';
  /** Nothing that tells about a person: no query, no name, no address. */
  attributes?: Readonly<Record<string, string | number>>;
}

export interface OpenSpan {
  /** The trail of what belongs to it. */
  readonly trail: Trail;
  end(attributes?: SpanOptions['attributes'], failed?: boolean): void;
}

export interface Tracing {
  /** Runs work as a span of the trail around; what the work does is below it. A rejection marks it as failed. */
  span<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T>;
  /** Begins a span of this trail that the caller ends. */
  begin(name: string, options: SpanOptions, trail: Trail): OpenSpan;
  /** Hands on what is left, within a second. */
  close(): Promise<void>;
}

export const NO_TRACING: Tracing = Object.freeze({
  span: <T>(_name: string, _options: SpanOptions, work: () => Promise<T>) => work(),
  begin: (_name: string, _options: SpanOptions, trail: Trail) => ({ trail, end: () => undefined }),
  close: async () => undefined,
});

/** Tracing as configured. `service` is what the collector calls this kind of process, `onLost` hears when it is out of reach. */
export async function startTracing(
  { otlpEndpoint }: Pick<Config, 'otlpEndpoint'>,
  service: string,
  onLost: (error: Error) => void = () => undefined,
): Promise<Tracing> {
  if (!otlpEndpoint) return NO_TRACING;
  const { OtlpTracing } = await import('./otlp-tracing.js');
  return new OtlpTracing(otlpEndpoint, service, onLost);
}
