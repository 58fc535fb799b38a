/** The consumer of the queue `render`. */
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { RenderJob } from '../jobs.js';
import { RENDER_QUEUE } from '../queue.js';
import type { Carried } from '../trail.js';
import { QUEUE_OPTIONS, refuse } from './job-boundary.js';
import { type Observers, observed, traced } from './observed.js';
import { type RenderDeps, render } from './render.js';

/** Requests in flight are few and the engine serves one at a time: the next latents are read meanwhile. */
const CONCURRENCY = 2;

/** The caller runs it. */
export function renderWorker(
  { log, tracing, tally, ...deps }: RenderDeps & Observers & { log: Logger },
  connection: { connection: Redis; prefix: string },
): Worker<Carried<RenderJob>> {
  const engine = traced(deps.engine, tracing);
  return new Worker<Carried<RenderJob>>(
    RENDER_QUEUE,
    (job) =>
      observed({ tracing, tally }, job, async () => {
        const count = (outcome: string): void =>
          tally.count('latentmorph_renders_total', { kind: job.data.kind, outcome });
        try {
          const result = await render({ ...deps, engine }, job.data);
          count('succeeded');
          return result;
        } catch (error) {
          count('failed');
          return refuse(error, log, job);
        }
      }),
    { ...QUEUE_OPTIONS, ...connection, concurrency: CONCURRENCY },
  );
}
