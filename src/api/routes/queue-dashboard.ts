/** `/admin/queues`: the queues in a browser, for whoever runs the service. It shows ids and changes nothing. */
import type { FastifyPluginAsync, RouteOptions } from 'fastify';
import { AppError } from '../../errors.js';
import type { JobQueues } from '../../queue.js';
import { sendProblem } from '../problem.js';

const PATH = '/admin/queues';

/** Loads the dashboard, which others need not have in memory. */
export function queueDashboard({ queues }: { queues: JobQueues }): FastifyPluginAsync {
  return async (app) => {
    const [{ createBullBoard }, { BullMQAdapter }, { FastifyAdapter }] = await Promise.all([
      import('@bull-board/api'),
      import('@bull-board/api/bullMQAdapter'),
      import('@bull-board/fastify'),
    ]);
    app.addHook('onRoute', (route) => {
      Object.assign(route, guarded(route));
    });
    const serverAdapter = new FastifyAdapter().setBasePath(PATH);
    createBullBoard({
      queues: queues.all().map((queue) => {
        const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
        adapter.setFormatter('data', idsOf);
        adapter.setFormatter('returnValue', () => undefined);
        return adapter;
      }),
      // The adapter may have a copy of the API's types of its own.
      serverAdapter: serverAdapter as unknown as Parameters<typeof createBullBoard>[0]['serverAdapter'],
      options: { uiConfig: { boardTitle: 'latentmorph' } },
    });
    await app.register(serverAdapter.registerPlugin(), { prefix: PATH });
  };
}

/** Jobs that draw into a photo carry landmarks of its face. */
const SHOWN = ['id', 'kind', 'key', 'trail'];
const idsOf = (data: object): object =>
  Object.fromEntries(Object.entries(data).filter(([name]) => SHOWN.includes(name)));

/** For admins, who may come with a browser, and read only. */
function guarded(route: RouteOptions): Partial<RouteOptions> {
  const changes = [route.method].flat().some((method) => method !== 'GET' && method !== 'HEAD');
  return {
    config: { ...route.config, access: 'admin', isPage: true },
    schema: { ...route.schema, hide: true },
    errorHandler: sendProblem,
    ...(changes && { handler: refuse }),
  };
}

async function refuse(): Promise<never> {
  throw new AppError('FORBIDDEN', { detail: 'The dashboard shows the queues and changes nothing.' });
}
