/** What is seen of a job from outside: its span on the trail of whoever asked for it, how it ended, how long it took. */
import { type Job, WaitingError } from 'bullmq';
import type { Tally } from '../metrics/tally.js';
import type { Tracing } from '../tracing/tracing.js';
import { onTrail, type Trail } from '../trail.js';
import type { Engine } from './engine-client.js';

export interface Observers {
  tracing: Tracing;
  tally: Tally;
}

/** Does the work of a job, observed. Settles as the work does. */
export async function observed<T>(
  { tracing, tally }: Observers,
  job: Job<{ trail?: Trail }>,
  work: () => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  const queue = job.queueName;
  const end = (outcome: string): void =>
    tally.observe('latentmorph_job_seconds', { queue, outcome }, (performance.now() - begun) / 1000);
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.operation.type': 'process',
    'messaging.destination.name': queue,
    'messaging.message.id': job.id ?? '',
    'latentmorph.attempt': job.attemptsStarted,
  };
  try {
    const result = await onTrail(job.data.trail ?? {}, () =>
      tracing.span(`process ${queue}`, { kind: 'consumer', attributes }, work),
    );
    end('succeeded');
    return result;
  } catch (error) {
    end(error instanceof WaitingError ? 'returned' : 'failed');
    throw error;
  }
}

/** An engine each of whose calls is a span, called as its method. */
export const traced = (engine: Engine, tracing: Pick<Tracing, 'span'>): Engine => ({
  call: (method, params) => tracing.span(method, {}, () => engine.call(method, params)),
});
