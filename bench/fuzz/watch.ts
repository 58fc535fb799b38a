/** Runs a target in processes of its own, and says what ended each of them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Counts, Failure } from './fuzz.js';
import { inputInHand, type Message, nothingInHand } from './place.js';
import type { TargetName } from './targets.js';

/** A child that stays at one input for so long is ended: the input hangs. It may read a slow one twice. */
const HANG_MS = 6_000;
/** For as long as this it may start: seeds are made, native libraries loaded. */
const START_MS = 60_000;
const LOOK_MS = 250;
/** Garbage is collected before the heap is half of what a process may hold. */
const HEAP_MEGABYTES = 192;
const MOST_FAILURES = 20;

export interface Watched {
  counts: Counts;
  failures: Failure[];
  seconds: number;
}

/** Feeds a target with `inputs` inputs. A process that dies, hangs or grows is a failure of the input it had in hand. */
export async function watch(
  name: TargetName,
  { inputs, seed, onCounts }: { inputs: number; seed: number; onCounts: (counts: Counts) => void },
): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-inputs-'));
  const place = join(folder, 'place');
  const begun = performance.now();
  const failures: Failure[] = [];
  let total: Counts | undefined;
  try {
    for (let from = 0; from < inputs && failures.length < MOST_FAILURES; ) {
      writeFileSync(place, nothingInHand());
      const before = total;
      const one = await runChild([name, `${inputs}`, `${seed}`, `${from}`, place], place, (counts) =>
        onCounts(sum(before, counts)),
      );
      failures.push(...one.failures);
      total = one.counts ? sum(total, one.counts) : total;
      from = one.next;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (!total) throw new Error(`The target '${name}' read no input`);
  return { counts: total, failures, seconds: (performance.now() - begun) / 1000 };
}

interface ChildEnd {
  counts: Counts | undefined;
  failures: Failure[];
  /** Index of the first input that is still to be read. */
  next: number;
}

async function runChild(
  args: readonly string[],
  place: string,
  onCounts: (counts: Counts) => void,
): Promise<ChildEnd> {
  const from = Number(args[3]);
  const child = fork(fileURLToPath(new URL('child.js', import.meta.url)), args, {
    execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let last: Message | undefined;
  child.on('message', (message: Message) => {
    last = message;
    onCounts(message.counts);
  });
  let hangs = false;
  let seen = inputInHand(place)?.index;
  let since = performance.now();
  const timer = setInterval(() => {
    const index = inputInHand(place)?.index;
    if (index !== seen) [seen, since] = [index, performance.now()];
    else if (performance.now() - since > (index === undefined ? START_MS : HANG_MS)) {
      hangs = true;
      child.kill('SIGKILL');
    }
  }, LOOK_MS);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearInterval(timer);
  if (last?.kind === 'end') {
    const failures = last.failures.map((one) => ({ ...one, input: Buffer.from(one.input, 'base64') }));
    return { counts: last.counts, failures, next: from + last.counts.inputs };
  }
  const broken = inputInHand(place);
  if (!broken)
    throw new Error(`The process of '${args[0]}' ended (${signal ?? code}) before its first input`);
  const reason = hangs ? `hung for ${HANG_MS / 1000} s` : `ended the process (${signal ?? code})`;
  const counts = last?.counts;
  return {
    counts: counts && { ...counts, inputs: broken.index + 1 - from },
    failures: [{ ...broken, reason }],
    next: broken.index + 1,
  };
}

const sum = (a: Counts | undefined, b: Counts): Counts =>
  a
    ? {
        inputs: a.inputs + b.inputs,
        accepted: a.accepted + b.accepted,
        refused: a.refused + b.refused,
        refusals: Math.max(a.refusals, b.refusals),
        slowest: a.slowest.seconds >= b.slowest.seconds ? a.slowest : b.slowest,
        peakMegabytes: Math.max(a.peakMegabytes, b.peakMegabytes),
      }
    : b;
