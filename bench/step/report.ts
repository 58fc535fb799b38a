/** What `bench:step` says of its measurements. */
import { median } from '../statistics.js';
import { table } from '../table.js';
import type { Shares } from './profile.js';

export interface Side {
  name: string;
  version: string;
  /** The first losses of every turn, the untimed one included. */
  losses: number[];
  /** Seconds a step, the mean of each turn. */
  times: number[];
  /** Undefined where the system does not tell. */
  peakBytes: number | undefined;
}

export interface Compared {
  ours: Side;
  eager: Side;
  compiled: Side | { unavailable: string };
  /** Largest relative difference of these losses from ours. */
  lossDifference: number;
  /** Multiply-accumulates of one step of ours. */
  macs: number;
  shares: Shares;
  machine: string;
  rounds: number;
  chunk: number;
  threads: number;
}

const GIGA = 1e9;
const GIBI = 2 ** 30;

/** The result as text and as the object behind `--json`. Ratios are PyTorch's time to ours, and our memory to its. */
export function report(compared: Compared): { text: string; json: object } {
  const { ours, eager, compiled, shares, macs, lossDifference } = compared;
  const seconds = median(ours.times);
  const ratio = median(eager.times) / seconds;
  const gflops = (2 * macs) / seconds / GIGA;
  const memoryRatio = ours.peakBytes && eager.peakBytes ? ours.peakBytes / eager.peakBytes : null;
  const sides = 'unavailable' in compiled ? [ours, eager] : [ours, eager, compiled];
  const row = (side: Side): string[] => [
    `${side.name} (${side.version})`,
    median(side.times).toFixed(3),
    Math.min(...side.times).toFixed(3),
    Math.max(...side.times).toFixed(3),
    (median(side.times) / seconds).toFixed(2),
    side.peakBytes ? (side.peakBytes / GIBI).toFixed(2) : '?',
  ];
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const text = [
    `One Adam step, batch 1, generator at 1024 px, VGG at 256 px. ${compared.machine}`,
    `${compared.rounds} turns of ${compared.chunk} steps each, one side after the other`,
    '',
    table([['side', 'median s', 'fastest', 'slowest', 'to ours', 'peak GiB'], ...sides.map(row)]),
    ...('unavailable' in compiled ? [`torch.compile: not available: ${compiled.unavailable}`] : []),
    '',
    `PyTorch eager to ours: ${ratio.toFixed(2)} times the time`,
    `our peak memory to that of PyTorch eager: ${memoryRatio === null ? 'not told' : percent(memoryRatio)}`,
    `our arithmetic: ${(macs / GIGA).toFixed(1)} GMAC a step, ${gflops.toFixed(0)} GFLOP/s`,
    `our time inside convolutions: ${percent(shares.convolutions)} (${shares.byOp
      .slice(0, 8)
      .map(([op, share]) => `${op} ${percent(share)}`)
      .join(', ')})`,
    `largest relative difference of the losses at the start and after a step: ${lossDifference.toExponential(1)}`,
  ].join('\n');
  const outline = ({ name, version, times, peakBytes }: Side) => ({
    name,
    version,
    seconds: median(times),
    times,
    peakBytes: peakBytes ?? null,
  });
  const json = {
    bench: 'step',
    ratio,
    memoryRatio,
    convShare: shares.convolutions,
    gflops,
    gmacs: macs / GIGA,
    ours: outline(ours),
    eager: outline(eager),
    compiled: 'unavailable' in compiled ? compiled : outline(compiled),
    lossDifference,
    shares: Object.fromEntries(shares.byOp),
    machine: compared.machine,
    threads: compared.threads,
    rounds: compared.rounds,
    chunk: compared.chunk,
  };
  return { text, json };
}
