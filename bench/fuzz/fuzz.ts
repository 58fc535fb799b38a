/** Feeds a target with inputs in one process, one after the other. */
import { uniformFrom } from '../../src/models/random.js';
import { type Material, mutated } from './mutate.js';
import type { Target } from './target.js';

export const LIMITS = { seconds: 1, megabytes: 512 } as const;

export interface Failure {
  readonly index: number;
  /** What went wrong, in a sentence. */
  readonly reason: string;
  readonly input: Uint8Array;
}

export interface Counts {
  inputs: number;
  accepted: number;
  refused: number;
  /** Different refusals, by their texts without numbers and names. */
  refusals: number;
  slowest: { index: number; seconds: number };
  /** The most that the process held, in MB. */
  peakMegabytes: number;
}

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Index of the first input, 0 by default. */
  readonly from?: number;
  /** Told before an input is read, so that one that ends the process is known. */
  readonly onInput?: (index: number, bytes: Uint8Array) => void;
  /** Called about once a second. */
  readonly onCounts?: (counts: Counts) => void;
  /** Checked against `LIMITS` only where the process does nothing else. */
  readonly checksMemory?: boolean;
}

/** Inputs that were refused in a new way become seeds themselves, as far as this many. */
const MOST_FOUND = 256;
const FOUND_BYTES = 16_384;

/** Reads the inputs numbered `from` to `inputs`; ends at the first one that holds more memory than the limit. */
export async function fuzz(
  target: Target,
  options: FuzzOptions,
): Promise<{ counts: Counts; failures: Failure[] }> {
  const { inputs, seed, from = 0 } = options;
  const random = uniformFrom(seed + from);
  const found: Uint8Array[] = [];
  const evolved: Material = { ...target, seeds: found };
  const known = new Set<string>();
  const failures: Failure[] = [];
  const counts: Counts = {
    inputs: 0,
    accepted: 0,
    refused: 0,
    refusals: 0,
    slowest: { index: from, seconds: 0 },
    peakMegabytes: 0,
  };
  let told = performance.now();
  for (let index = from; index < inputs; index++) {
    const input = mutated(found.length > 0 && random() < 0.5 ? evolved : target, random);
    options.onInput?.(index, input);
    const outcome = await readTimed(target, input);
    counts.inputs++;
    if (outcome.seconds > counts.slowest.seconds) counts.slowest = { index, seconds: outcome.seconds };
    if (outcome.failure) failures.push({ index, reason: outcome.failure, input });
    else if (outcome.refusal === undefined) counts.accepted++;
    else counts.refused++;
    const kind = kindOf(outcome.refusal ?? outcome.failure ?? 'accepted');
    if (!known.has(kind)) {
      known.add(kind);
      if (found.length < MOST_FOUND && input.length <= FOUND_BYTES && input.length > 0) found.push(input);
    }
    counts.refusals = known.size;
    counts.peakMegabytes = process.resourceUsage().maxRSS / 1024;
    if (options.checksMemory && counts.peakMegabytes > LIMITS.megabytes) {
      failures.push({ index, input, reason: `held ${counts.peakMegabytes.toFixed(0)} MB` });
      break;
    }
    if (performance.now() - told > 1000) {
      told = performance.now();
      options.onCounts?.(counts);
      // Garbage of native code is let go by the event loop.
      await new Promise(setImmediate);
    }
  }
  return { counts, failures };
}

interface Outcome {
  seconds: number;
  refusal?: string;
  failure?: string;
}

/** A slow input is read again, for the machine may have been busy: only what is slow twice is. */
async function readTimed(target: Target, input: Uint8Array): Promise<Outcome> {
  const first = await readOnce(target, input);
  if (first.seconds <= LIMITS.seconds) return first;
  const again = await readOnce(target, input);
  const seconds = Math.min(first.seconds, again.seconds);
  return seconds > LIMITS.seconds ? { ...again, seconds, failure: `took ${seconds.toFixed(1)} s` } : again;
}

async function readOnce({ read, isRefusal }: Target, input: Uint8Array): Promise<Outcome> {
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  try {
    const result = read(input);
    if (result instanceof Promise) await result;
    return { seconds: seconds() };
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return isRefusal(error)
      ? { seconds: seconds(), refusal: text }
      : { seconds: seconds(), failure: `threw ${text}` };
  }
}

/** The text of an error without what the input put into it. */
const kindOf = (text: string): string =>
  text
    .replace(/'[^']*'|"[^"]*"|`[^`]*`/g, '_')
    .replace(/[\d.,\s-]+/g, ' ')
    .slice(0, 60);
