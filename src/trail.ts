/** What connects the log lines and spans of several processes: it goes with a request, and in the data of its jobs. */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface Trail {
  /** Id of the request, `X-Request-Id`. */
  readonly request?: string;
  /** The span that all new ones are below, as W3C `traceparent`; none without tracing. */
  readonly span?: string;
}

const trails = new AsyncLocalStorage<Trail>();

/** Runs work, and all that it awaits, on the trail. */
export const onTrail = <T>(trail: Trail, work: () => T): T => trails.run(trail, work);

/** The trail around; empty where there is none. */
export const trail = (): Trail => trails.getStore() ?? {};

/** Data of a job, with the trail of whoever asked for it. */
export type Carried<T> = T & { trail?: Trail };

/** The data with the trail around; as it is where there is none. */
export function carrying<T extends object>(data: T): Carried<T> {
  const around = trail();
  return Object.keys(around).length > 0 ? { ...data, trail: around } : data;
}
