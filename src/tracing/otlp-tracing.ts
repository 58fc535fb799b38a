/** Tracing by OpenTelemetry, handed to a collector as OTLP over HTTP in JSON. Loaded only where there is a collector. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { AppError } from '../errors.js';
import { onTrail, type Trail, trail as trailAround } from '../trail.js';
import { formatTraceParent, parseTraceParent } from './traceparent.js';
import type { OpenSpan, SpanOptions, Tracing } from './tracing.js';

const KINDS = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

/** How long a process that stops waits for a collector to take its last spans. */
const CLOSE_WITHIN_MS = 1_000;

export class OtlpTracing implements Tracing {
  readonly #provider: NodeTracerProvider;
  readonly #tracer;

  /** `onLost` hears why spans do not arrive any more, once until they do again. */
  constructor(endpoint: string, service: string, onLost: (error: Error) => void) {
    const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
    const exporter = watched(new OTLPTraceExporter({ url }), onLost);
    // Not registered globally: spans find their parents by our trail, which queues carry, too.
    this.#provider = new NodeTracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    this.#tracer = this.#provider.getTracer('latentmorph');
  }

  async span<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
    const { span, trail } = this.#open(name, options, trailAround());
    try {
      return await onTrail(trail, work);
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  begin(name: string, options: SpanOptions, around: Trail): OpenSpan {
    const { span, trail } = this.#open(name, options, around);
    return {
      trail,
      end: (attributes: Attributes = {}, failed = false) => {
        span.setAttributes(attributes);
        if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  async close(): Promise<void> {
    const patience = sleep(CLOSE_WITHIN_MS, undefined, { ref: false });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), patience]);
  }

  #open(name: string, { kind, attributes }: SpanOptions, around: Trail): { span: Span; trail: Trail } {
    const parent = parseTraceParent(around.span);
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
    const span = this.#tracer.startSpan(
      name,
      { kind: kind ? KINDS[kind] : SpanKind.INTERNAL, ...(attributes && { attributes: { ...attributes } }) },
      context,
    );
    return { span, trail: { ...around, span: formatTraceParent(span.spanContext()) } };
  }
}

function watched(exporter: SpanExporter, onLost: (error: Error) => void): SpanExporter {
  let isLost = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error && !isLost) onLost(result.error);
        isLost = result.error !== undefined;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}

/** The kind of the error and no more: messages are for logs, where less is kept of them. */
function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', typeOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The code, also of what a queue was told in other words, or else the class. */
function typeOf(error: unknown): string {
  if (error instanceof AppError) return error.code;
  if (!(error instanceof Error)) return 'unknown';
  return error.cause instanceof AppError ? error.cause.code : error.name;
}
