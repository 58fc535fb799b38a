/** Where the time of a run goes, out of the profile that ONNX Runtime writes. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { WINOGRAD } from '../../src/models/graph/passes/winograd.js';

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
/** The parts of convolutions by Winograd's method. */
const PART = new RegExp(`^${WINOGRAD}\\.`);
/** Operators that run graphs of their own, whose nodes are counted themselves. */
const CONTAINER = /^(Loop|If|Scan)$/;

export interface Shares {
  /** Share of the time of all kernels inside convolutions; of those by Winograd's method, in all of their parts. */
  convolutions: number;
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
  let parts = 0;
  for (const { cat, name, ts, dur, args } of events) {
    const op = args?.op_name;
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || !op || CONTAINER.test(op)) continue;
    if (ts <= first.ts + first.dur) continue;
    times.set(op, (times.get(op) ?? 0) + dur);
    if (PART.test(name) && !CONVOLUTION.test(op)) parts += dur;
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const byOp = [...times].map(([op, time]): [string, number] => [op, time / total]);
  byOp.sort((a, b) => b[1] - a[1]);
  const whole = byOp.reduce((sum, [op, share]) => (CONVOLUTION.test(op) ? sum + share : sum), 0);
  return { convolutions: whole + parts / total, byOp };
}
