/** What a run counted. */
import { type Entry, idOf } from './ledger.js';
import type { Options, Run } from './run.js';
import type { Verdict } from './verdict.js';

/** Status reads that take longer are counted by what was broken meanwhile. */
const SLOW_MS = 100;

export type Result = ReturnType<typeof resultOf>;

/** The counts of a run, all of them numbers or numbers by name. */
export function resultOf(
  { minutes, seed, generator }: Pick<Options, 'minutes' | 'seed' | 'generator'>,
  { ledger, kills, blows, deaths }: Pick<Run, 'ledger' | 'kills' | 'blows' | 'deaths'>,
  recoveries: readonly number[],
  { lost, doubled, corrupted, left, mended }: Verdict,
) {
  const accepted = ledger.entries.filter((entry) => idOf(entry));
  const ends: Record<string, number> = {};
  for (const entry of accepted) ends[endOf(entry)] = (ends[endOf(entry)] ?? 0) + 1;
  const times = ledger.statusReads.map(({ ms }) => ms);
  const slowReads: Record<string, number> = {};
  for (const { ms, during } of ledger.statusReads)
    if (ms > SLOW_MS) slowReads[during] = (slowReads[during] ?? 0) + 1;
  return {
    seed,
    minutes,
    generator,
    jobs: accepted.length,
    kills,
    lost: lost.length,
    doubled: doubled.length,
    corrupted: corrupted.length,
    left: left.length,
    recoveries: recoveries.length,
    recoveryP99Seconds: round(quantile(recoveries, 0.99)),
    recoveryMaxSeconds: round(Math.max(0, ...recoveries)),
    statusReads: ledger.statusReads.length,
    statusP50Ms: round(quantile(times, 0.5)),
    statusP99Ms: round(quantile(times, 0.99)),
    slowReads,
    images: ledger.images.size,
    ends,
    blows: Object.fromEntries(blows),
    deaths: Object.fromEntries(deaths),
    mended: mended.length,
    answers: Object.fromEntries(ledger.answers),
  };
}

function endOf({ end, isDeleted }: Entry): string {
  if (isDeleted) return 'deleted';
  return end?.state === 'failed' ? `failed ${end.code}` : (end?.state ?? 'unfinished');
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
};

const round = (value: number): number => Math.round(value * 10) / 10;
