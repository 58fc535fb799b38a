/** A queue in front of workers, simulated event by event: how long jobs wait, and how busy the workers are. */
import { uniformFrom } from '../models/random.js';
import type { Durations } from './durations.js';

export interface Workload {
  /** Jobs a second, on average; they arrive independently of one another (Poisson). */
  perSecond: number;
  /** Of a job that is alone on a worker. */
  seconds: Durations;
  /** Jobs that a worker has at the same time. */
  batch: number;
  /**
   * Seconds that each further job of a worker adds to a second of the first: n jobs go on at 1 / (1 + (n - 1) batchCost)
   * of the pace of one. 1: nothing is gained by doing them together; 0: the others are free.
   */
  batchCost: number;
}

export interface SimulationOptions {
  workers: number;
  /** Jobs that are counted; a fifth as many run before them, from an empty queue. */
  jobs: number;
  seed: number;
}

/** Seconds, by job in order of arrival. */
export interface Simulated {
  /** Until a worker begins with it. */
  waits: Float64Array;
  /** Until it is done. */
  stays: Float64Array;
  /** Share of the time in which a worker has something to do, mean over workers. */
  utilisation: number;
}

interface Job {
  index: number;
  arrival: number;
  /** Seconds that are left of it, would it be alone. */
  left: number;
}

const WARM_UP_SHARE = 0.2;

/**
 * Jobs are begun first come, first served; each goes to a worker that has the fewest. The same seed gives the same
 * arrivals and the same jobs whatever the number of workers. Throws when work comes in faster than it can be done.
 */
export function simulate(workload: Workload, { workers, jobs, seed }: SimulationOptions): Simulated {
  const warmUp = Math.ceil(jobs * WARM_UP_SHARE);
  const arrivals = arrivalsOf(workload, warmUp + jobs, seed);
  const load = offeredLoad(workload);
  if (load >= workers)
    throw new RangeError(
      `Expected more than ${load.toFixed(2)} workers' worth of work but received ${workers}`,
    );

  const waits = new Float64Array(jobs);
  const stays = new Float64Array(jobs);
  const begun = (job: Job, now: number): void => {
    if (job.index >= warmUp) waits[job.index - warmUp] = now - job.arrival;
  };
  const done = (job: Job, now: number): void => {
    if (job.index >= warmUp) stays[job.index - warmUp] = now - job.arrival;
  };
  const busySeconds = run({
    arrivals,
    workers,
    workload,
    begun,
    done,
    measureFrom: arrivals[warmUp]!.arrival,
  });
  const span = arrivals.at(-1)!.arrival - arrivals[warmUp]!.arrival;
  return { waits, stays, utilisation: busySeconds / (span * workers) };
}

/** Workers that the jobs would keep busy without a pause, each with a full batch. */
export const offeredLoad = ({ perSecond, seconds, batch, batchCost }: Workload): number =>
  (perSecond * seconds.mean * slowdown(batch, batchCost)) / batch;

/** How many times as long a job takes among n as alone. */
const slowdown = (n: number, batchCost: number): number => 1 + (n - 1) * batchCost;

function arrivalsOf({ perSecond, seconds }: Workload, count: number, seed: number): Job[] {
  const uniform = uniformFrom(seed);
  let now = 0;
  return Array.from({ length: count }, (_, index) => {
    now -= Math.log(1 - uniform()) / perSecond;
    return { index, arrival: now, left: seconds.draw(uniform) };
  });
}

interface Run {
  arrivals: readonly Job[];
  workers: number;
  workload: Workload;
  begun: (job: Job, now: number) => void;
  done: (job: Job, now: number) => void;
  /** Time from which busy seconds count, until the last arrival. */
  measureFrom: number;
}

/** A worker and the jobs that share it. */
interface Worker {
  jobs: Job[];
  /** Time up to which `left` of its jobs holds. */
  at: number;
  /** When its first job is done; infinite without one. */
  next: number;
}

/** Gives the seconds that workers were busy while measured. */
function run({ arrivals, workers, workload, begun, done, measureFrom }: Run): number {
  const { batch, batchCost } = workload;
  const last = arrivals.at(-1)!.arrival;
  const pool = Array.from(
    { length: workers },
    (): Worker => ({ jobs: [], at: 0, next: Number.POSITIVE_INFINITY }),
  );
  const queue: Job[] = [];
  let head = 0;
  let busy = 0;

  /** Brings the jobs of a worker up to the time. */
  const advance = (worker: Worker, now: number): void => {
    if (worker.jobs.length > 0) {
      busy += Math.max(0, Math.min(now, last) - Math.max(worker.at, measureFrom));
      const work = (now - worker.at) / slowdown(worker.jobs.length, batchCost);
      for (const job of worker.jobs) job.left -= work;
    }
    worker.at = now;
  };
  const plan = (worker: Worker): void => {
    const least = Math.min(...worker.jobs.map(({ left }) => left));
    worker.next = worker.at + Math.max(0, least) * slowdown(worker.jobs.length, batchCost);
  };
  const begin = (worker: Worker, job: Job, now: number): void => {
    advance(worker, now);
    worker.jobs.push({ ...job });
    plan(worker);
    begun(job, now);
  };
  const finish = (worker: Worker, now: number): void => {
    advance(worker, now);
    const first = worker.jobs.reduce((a, b) => (b.left < a.left ? b : a));
    worker.jobs = worker.jobs.filter((job) => job !== first);
    done(first, now);
    const waiting = queue[head];
    if (waiting) {
      head++;
      begin(worker, waiting, now);
    } else plan(worker);
  };

  for (const job of arrivals) {
    for (let worker = soonest(pool); worker.next <= job.arrival; worker = soonest(pool))
      finish(worker, worker.next);
    const free = pool.reduce((a, b) => (b.jobs.length < a.jobs.length ? b : a));
    if (free.jobs.length < batch) begin(free, job, job.arrival);
    else queue.push(job);
  }
  for (let worker = soonest(pool); worker.next < Number.POSITIVE_INFINITY; worker = soonest(pool))
    finish(worker, worker.next);
  return busy;
}

const soonest = (pool: readonly Worker[]): Worker => pool.reduce((a, b) => (b.next < a.next ? b : a));
