/** What `npm run capacity` does, apart from being a process. */
import { parseArgs } from 'node:util';
import { around, mixture } from '../capacity/durations.js';
import { EMBEDDING_SECONDS, MORPH_SECONDS } from '../capacity/measured.js';
import { type Goal, type Plan, type PlanOptions, planWorkers } from '../capacity/plan.js';
import type { Workload } from '../capacity/simulate.js';
import { planText } from './capacity-text.js';

const USAGE = `Usage: npm run capacity -- --photos N [options]

Simulates arrivals over workers and says how many are needed. Seconds are those measured on 2 CPU cores unless you say
your own.
  --photos N             embeddings an hour, mean of the day
  --morphs N             uncached morphs a second, mean of the day; one of the two must be given
  --peak N               how many times as many arrive in the busy hour, which is what is simulated (default 1)
  --mix PRESET=SHARE,... presets of the embeddings (default standard=1)
  --seconds PRESET=S,... seconds of an embedding (default ${Object.entries(EMBEDDING_SECONDS)
    .map(([preset, seconds]) => `${preset}=${seconds}`)
    .join(',')})
  --spread X             standard deviation of those seconds, as a share of them (default 0)
  --batch N              photos that a worker embeds at a time (default 1)
  --batch-cost X         what each further photo adds to the time of one, 0 to 1 (default 1: nothing is gained)
  --wait S               seconds in which an embedding must be begun (default 60)
  --done S               seconds in which it must be done, in place of --wait
  --morph-seconds S      seconds of a morph (default ${MORPH_SECONDS})
  --morph-wait S         seconds in which a morph must be begun (default 1)
  --percentile P         percent of them that must be (default 95)
  --most N               most workers to try (default 64)
  --jobs N, --seed N     jobs to simulate (default 50000) and the seed of their arrivals (default 1)
  --json                 one JSON object as the last line
  --help                 show this text`;

interface Arguments {
  embeddings: Workload | undefined;
  morphs: Workload | undefined;
  goals: { embeddings: Goal; morphs: Goal };
  options: PlanOptions;
  json: boolean;
}

/** Prints the plan; throws, with the usage, on missing and malformed arguments. */
export function capacity(argv: readonly string[], print: (line: string) => void): void {
  const given = readArguments(argv);
  if (!given) {
    print(USAGE);
    return;
  }
  const { embeddings, morphs, goals, options, json } = given;
  const plans: Partial<Record<'embeddings' | 'morphs', Plan>> = {};
  for (const [what, workload] of Object.entries({ embeddings, morphs })) {
    if (!workload) continue;
    const kind = what as keyof typeof goals;
    const plan = planWorkers(workload, goals[kind], options);
    plans[kind] = plan;
    print(planText({ kind, workload, goal: goals[kind], plan, most: options.most }));
  }
  if (json) print(JSON.stringify({ ...plans, jobs: options.jobs, seed: options.seed }));
}

/** Undefined where only help is asked for. */
function readArguments(argv: readonly string[]): Arguments | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      photos: text,
      morphs: text,
      peak: text,
      mix: text,
      seconds: text,
      spread: text,
      batch: text,
      'batch-cost': text,
      wait: text,
      done: text,
      'morph-seconds': text,
      'morph-wait': text,
      percentile: text,
      most: text,
      jobs: text,
      seed: text,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.photos === undefined && values.morphs === undefined)
    throw new Error(`Expected --photos, --morphs or both.\n\n${USAGE}`);
  const number = (name: keyof typeof values, fallback: number, range: Range): number =>
    readNumber(name, values[name] as string | undefined, fallback, range);

  const peak = number('peak', 1, { least: 1 });
  const seconds = { ...EMBEDDING_SECONDS, ...readShares('seconds', values.seconds) };
  const spread = number('spread', 0, { least: 0 });
  const share = number('percentile', 95, { least: 1, most: 99.9 }) / 100;
  const kinds = Object.entries(readShares('mix', values.mix ?? 'standard=1')).map(([preset, part]) => {
    const mean = seconds[preset];
    if (mean === undefined)
      throw new Error(`Expected --seconds ${preset}=S for --mix ${preset}.\n\n${USAGE}`);
    return { share: part, durations: around(mean, spread) };
  });
  return {
    embeddings:
      values.photos === undefined
        ? undefined
        : {
            perSecond: (number('photos', 0, POSITIVE) * peak) / 3600,
            seconds: mixture(kinds),
            batch: number('batch', 1, { least: 1, integer: true }),
            batchCost: number('batch-cost', 1, { least: 0, most: 1 }),
          },
    morphs:
      values.morphs === undefined
        ? undefined
        : {
            perSecond: number('morphs', 0, POSITIVE) * peak,
            seconds: around(number('morph-seconds', MORPH_SECONDS, POSITIVE), 0),
            batch: 1,
            batchCost: 1,
          },
    goals: {
      embeddings:
        values.done === undefined
          ? { share, until: 'begun', seconds: number('wait', 60, { least: 0 }) }
          : { share, until: 'done', seconds: number('done', 0, { least: 0 }) },
      morphs: { share, until: 'begun', seconds: number('morph-wait', 1, { least: 0 }) },
    },
    options: {
      most: number('most', 64, { least: 1, most: 1000, integer: true }),
      jobs: number('jobs', 50_000, { least: 100, most: 1e6, integer: true }),
      seed: number('seed', 1, { least: 0, most: 2 ** 32 - 1, integer: true }),
    },
    json: values.json,
  };
}

interface Range {
  least: number;
  most?: number;
  integer?: boolean;
}

const POSITIVE: Range = { least: Number.MIN_VALUE };

function readNumber(name: string, text: string | undefined, fallback: number, range: Range): number {
  if (text === undefined) return fallback;
  const { least, most = Number.MAX_VALUE, integer = false } = range;
  const value = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most && (!integer || Number.isInteger(value))) return value;
  const kind = integer ? 'an integer' : 'a number';
  const bounds = least === Number.MIN_VALUE ? 'above 0' : `from ${least}`;
  const end = most === Number.MAX_VALUE ? '' : ` to ${most}`;
  throw new Error(`Expected ${kind} ${bounds}${end} for --${name} but received '${text}'.\n\n${USAGE}`);
}

/** `a=1,b=2.5` as numbers above 0. */
function readShares(name: string, text: string | undefined): Record<string, number> {
  const parts = text === undefined ? [] : text.split(',');
  return Object.fromEntries(
    parts.map((part) => {
      const [, preset, value] = /^(\w+)=([\d.]+)$/.exec(part.trim()) ?? [];
      if (preset === undefined || !(Number(value) > 0))
        throw new Error(`Expected --${name} PRESET=NUMBER,... but received '${part}'.\n\n${USAGE}`);
      return [preset, Number(value)];
    }),
  );
}
