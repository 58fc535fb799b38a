/** How many workers keep the waits short: the simulation for one number of workers after the other. */
import { offeredLoad, simulate, type Workload } from './simulate.js';
import { quantile } from './statistics.js';

export interface Goal {
  /** Share of the jobs, from 0 to 1, that must be begun, or done, within the seconds. */
  share: number;
  until: 'begun' | 'done';
  seconds: number;
}

export interface PlanOptions {
  /** Workers beyond which no plan is made. */
  most: number;
  jobs: number;
  seed: number;
}

/** Seconds until a job begins, and until it is done; none where the queue would grow as long as one looks. */
export interface PlanRow {
  workers: number;
  figures?: {
    utilisation: number;
    waitP50: number;
    waitP95: number;
    waitP99: number;
    doneP95: number;
    /** Share of the jobs that are begun, or done, in the time of the goal. */
    inTime: number;
  };
}

export interface Plan {
  /** Workers that the jobs would keep busy without a pause. */
  load: number;
  /** Fewest workers that reach the goal; undefined where it takes more than `most`. */
  needed: number | undefined;
  /** From one worker to two beyond those needed. */
  rows: PlanRow[];
}

const ROWS_BEYOND = 2;
/** Share of the time beyond which waits no longer settle within any number of jobs that one could simulate. */
const MOST_BUSY = 0.98;

export function planWorkers(workload: Workload, goal: Goal, { most, jobs, seed }: PlanOptions): Plan {
  const load = offeredLoad(workload);
  const rows: PlanRow[] = [];
  let needed: number | undefined;
  for (let workers = 1; workers <= Math.min(most, (needed ?? most) + ROWS_BEYOND); workers++) {
    if (load > MOST_BUSY * workers) {
      rows.push({ workers });
      continue;
    }
    const { waits, stays, utilisation } = simulate(workload, { workers, jobs, seed });
    const until = goal.until === 'begun' ? waits : stays;
    const inTime = until.filter((seconds) => seconds <= goal.seconds).length / until.length;
    const [waitP50, waitP95, waitP99] = [0.5, 0.95, 0.99].map((q) => quantile(waits, q)) as [
      number,
      number,
      number,
    ];
    rows.push({
      workers,
      figures: { utilisation, waitP50, waitP95, waitP99, doneP95: quantile(stays, 0.95), inTime },
    });
    if (inTime >= goal.share) needed ??= workers;
  }
  return { load, needed, rows };
}
