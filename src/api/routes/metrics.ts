/** `/metrics`: what Prometheus reads, of this process and of the service as a whole. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { ROLES } from '../../config.js';
import type { LabelsOf, MetricOf, Sample } from '../../metrics/catalogue.js';
import { exposition } from '../../metrics/exposition.js';
import { reachable } from '../../store/redis.js';
import { list } from '../../store/workers.js';
import type { AppDeps } from '../app.js';
import { problems } from '../schemas.js';

const SCOPES = ['all', 'process', 'service'] as const;
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const MetricsQuery = Type.Object(
  {
    scope: Type.Optional(
      Type.Enum([...SCOPES], {
        default: 'all',
        description:
          '`process`: of the API process that answers; `service`: queues and workers, the same from every API process; `all`: both.',
        examples: ['all'],
      }),
    ),
  },
  { additionalProperties: false },
);

const Exposition = Type.String({
  description: 'Prometheus text format 0.0.4.',
  examples: ['# TYPE latentmorph_workers gauge\nlatentmorph_workers{role="embed"} 2\n'],
});

export function metricsRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      config: { access: 'admin' },
      url: '/metrics',
      schema: {
        tags: ['service'],
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        description:
          'Needs a key that was made with `--admin`. One alone may ask for all; where several API processes run, ask each for `process` and any one for `service`.',
        querystring: MetricsQuery,
        response: {
          200: { description: 'The metrics.', content: { 'text/plain': { schema: Exposition } } },
          ...problems('BAD_REQUEST', 'UNAVAILABLE'),
        },
      },
      handler: async ({ query: { scope = 'all' } }, reply) => {
        const texts = [
          ...(scope === 'service' ? [] : [await deps.metrics.text()]),
          ...(scope === 'process' ? [] : [await exposition(await serviceSamples(deps))]),
        ];
        return reply.header('cache-control', 'no-store').type(CONTENT_TYPE).send(texts.join('\n'));
      },
    });
  };
}

/** What is of no process. Throws UNAVAILABLE. */
async function serviceSamples({ metricSums, queues, redis, config, disk }: AppDeps): Promise<Sample[]> {
  const [sums, depths, workers, free] = await Promise.all([
    metricSums.read(),
    queues.depths(),
    reachable(list(redis, config.keyPrefix)),
    disk.freeBytes(),
  ]);
  return [
    ...sums,
    ...depths.map(({ queue, state, jobs }) => gauge('latentmorph_queue_depth', { queue, state }, jobs)),
    ...ROLES.map((role) => {
      const alive = workers.filter(({ roles }) => roles.includes(role));
      return gauge('latentmorph_workers', { role }, alive.length);
    }),
    ...(free === undefined ? [] : [gauge('latentmorph_disk_free_bytes', {}, free)]),
  ];
}

const gauge = <N extends MetricOf<'gauge', 'read'>>(name: N, labels: LabelsOf<N>, value: number): Sample => ({
  name,
  labels,
  value,
});
