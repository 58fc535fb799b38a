/** Probes: `/healthz` says that the process lives, `/readyz` that every kind of request can be served. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ROLES } from '../../config.js';
import { reachable } from '../../store/redis.js';
import { list } from '../../store/workers.js';
import type { AppDeps } from '../app.js';
import { Health, NotReady, Ready } from '../schemas.js';

export function healthRoutes({ redis, config, disk, isDraining }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      config: { access: 'public' },
      url: '/healthz',
      schema: {
        tags: ['service'],
        security: [],
        operationId: 'getHealth',
        summary: 'Liveness',
        response: { 200: Health },
      },
      handler: async () => ({ status: 'ok' as const }),
    });

    app.route({
      method: 'GET',
      config: { access: 'public' },
      url: '/readyz',
      schema: {
        tags: ['service'],
        security: [],
        operationId: 'getReadiness',
        summary: 'Readiness',
        response: { 200: Ready, 503: NotReady },
      },
      handler: async (_request, reply) => {
        const workers = await reachable(list(redis, config.keyPrefix)).catch(() => undefined);
        const missing = ROLES.filter((role) => !workers?.some((worker) => worker.roles.includes(role)));
        const ready = missing.length === 0 && !isDraining();
        // What is stored is served on a full disk, too: that takes no process out of service.
        const storage = (await disk.isLow()) ? ('low' as const) : ('ok' as const);
        return reply
          .code(ready ? 200 : 503)
          .header('cache-control', 'no-store')
          .send({ ready, redis: workers !== undefined, storage, missing, workers: workers ?? [] });
      },
    });
  };
}
