/** A plan of workers as words and a table. */
import type { Goal, Plan, PlanRow } from '../capacity/plan.js';
import type { Workload } from '../capacity/simulate.js';

export interface PlanText {
  kind: 'embeddings' | 'morphs';
  workload: Workload;
  goal: Goal;
  plan: Plan;
  most: number;
}

const HEAD = ['workers', 'busy', 'wait p50', 'wait p95', 'wait p99', 'done p95', 'in time'];

export function planText({ kind, workload, goal, plan, most }: PlanText): string {
  const { perSecond, seconds, batch } = workload;
  const rate = kind === 'morphs' ? `${figure(perSecond)} a second` : `${figure(perSecond * 3600)} an hour`;
  const together = batch > 1 ? `, up to ${batch} at a time` : '';
  const title = `${kind === 'morphs' ? 'Morphs' : 'Embeddings'}: ${rate} at the peak, ${figure(seconds.mean)} s each${together}: work for ${plan.load.toFixed(2)} workers`;
  const share = `${figure(100 * goal.share)} % are ${goal.until} within ${figure(goal.seconds)} s`;
  const answer =
    plan.needed === undefined
      ? `More than ${most} workers are needed so that ${share}: --most tries more.`
      : `${plan.needed} ${plan.needed === 1 ? 'worker is' : 'workers are'} needed so that ${share}.`;
  const overloaded = plan.rows.filter(({ figures }) => !figures).length;
  const beyond = overloaded > 0 ? [`With ${upTo(overloaded)} the queue only grows.`] : [];
  return ['', title, table([HEAD, ...plan.rows.flatMap(cells)]), ...beyond, answer].join('\n');
}

const upTo = (count: number): string => (count === 1 ? '1 worker' : `1 to ${count} workers`);

function cells({ workers, figures }: PlanRow): string[][] {
  if (!figures) return [];
  const { utilisation, waitP50, waitP95, waitP99, doneP95, inTime } = figures;
  const times = [waitP50, waitP95, waitP99, doneP95].map((seconds) => `${figure(seconds)} s`);
  return [[`${workers}`, percent(utilisation, 0), ...times, percent(inTime, 1)]];
}

const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;

/** Three digits, without noughts at the end. */
const figure = (value: number): string => {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(value, 0.01))));
  return `${Number(value.toFixed(digits))}`;
};

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')).join('\n');
}
