/** What is seen of every request from outside: its id, its line in the log, its metrics and its span. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest, RawRequestDefaultExpression } from 'fastify';
import type { ApiMetrics } from '../metrics/api-metrics.js';
import type { OpenSpan, Tracing } from '../tracing/tracing.js';
import { onTrail } from '../trail.js';

export const REQUEST_ID_HEADER = 'x-request-id';
/** Ids that go into logs, headers and jobs as they are. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the whole request; what it does is below it. */
    span: OpenSpan | undefined;
  }
}

/** The id that the client gave the request, or a new one where there is none that can be used. */
export function requestId({ headers }: RawRequestDefaultExpression): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** To be called before whatever may refuse a request. */
export function observe(
  app: FastifyInstance,
  { metrics, tracing }: { metrics: ApiMetrics; tracing: Tracing },
): void {
  app.decorateRequest('span');
  app.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID_HEADER, request.id);
    const { method, headers } = request;
    const route = routeOf(request);
    const span = typeof headers.traceparent === 'string' ? headers.traceparent : undefined;
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'latentmorph.request': request.id,
    };
    const trail = { request: request.id, ...(span !== undefined && { span }) };
    request.span = tracing.begin(`${method} ${route}`, { kind: 'server', attributes }, trail);
  });
  // Only handlers make jobs, and what reads a body before them may call back from outside of the trail.
  app.addHook('preHandler', (request, _reply, done) => {
    onTrail(request.span?.trail ?? { request: request.id }, done);
  });
  app.addHook('onResponse', async (request, { statusCode: status, elapsedTime }) => {
    const { method } = request;
    const route = routeOf(request);
    metrics.answered({ method, route, status: `${status}` }, elapsedTime / 1000);
    request.span?.end({ 'http.response.status_code': status }, status >= 500);
    request.log.debug({ method, route, status, ms: Math.round(elapsedTime) }, 'answered');
  });
}

/** Its pattern: neither ids nor queries. */
const routeOf = ({ routeOptions }: FastifyRequest): string => routeOptions.url ?? 'none';
