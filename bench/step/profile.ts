/** Where the time of a run goes, out of the profile that ONNX Runtime writes. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const Event = Type.Object({
  cat: Type.String(),
  name: Type.String(),
  /** Microseconds. */
  ts: Type.Number(),
  dur: Type.Number(),
  args: Type.Optional(Type.Object({ op_name: Type.Optional(Type.String()) })),
});
const Events = Type.Array(Event);

/** Convolutions, those fused with an activation and those in blocked layout (which keep the name) included. */
const CONVOLUTION = /^(Nhwc)?(Fused)?Conv(Transpose)?$/;
/** Matrix products, in whose form a pass or the runtime may write a convolution. */
const PRODUCT = /^(Fused)?(MatMul|Gemm)$/;
/** Operators that run graphs of their own, whose nodes are counted themselves. */
const CONTAINER = /^(Loop|If|Scan)$/;

export interface Shares {
  /** Share of the time of all kernels inside convolutions. */
  convolutions: number;
  /** Share inside convolutions and matrix products. */
  arithmetic: number;
  /** Share by operator, largest first. */
  byOp: [op: string, share: number][];
}

/**
 * Shares over all runs but the first, which also allocates. Throws when the text is no profile of at least two runs.
 */
export function sharesOf(profile: string): Shares {
  const events: unknown = JSON.parse(profile);
  if (!Value.Check(Events, events)) throw new Error('Not a profile of ONNX Runtime');
  const runs = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run');
  const [first] = runs.toSorted((a, b) => a.ts - b.ts);
  if (!first || runs.length < 2)
    throw new Error(`Expected a profile of two runs but received ${runs.length}`);
  const times = new Map<string, number>();
  for (const { cat, name, ts, dur, args } of events) {
    const op = args?.op_name;
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || !op || CONTAINER.test(op)) continue;
    if (ts > first.ts + first.dur) times.set(op, (times.get(op) ?? 0) + dur);
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const byOp = [...times].map(([op, time]): [string, number] => [op, time / total]);
  byOp.sort((a, b) => b[1] - a[1]);
  const shareOf = (pattern: RegExp): number =>
    byOp.reduce((sum, [op, share]) => (pattern.test(op) ? sum + share : sum), 0);
  const convolutions = shareOf(CONVOLUTION);
  return { convolutions, arithmetic: convolutions + shareOf(PRODUCT), byOp };
}
