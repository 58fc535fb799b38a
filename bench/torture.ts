/** `npm run torture`: clients use the whole service while it is broken again and again; in the end everything is accounted for. */
import { parseArgs } from 'node:util';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { table } from './table.js';
import { planOf } from './torture/killer.js';
import type { Result } from './torture/result.js';
import { type Options, torture } from './torture/run.js';
import type { Verdict } from './torture/verdict.js';
import { say } from './workspace.js';

const USAGE = `Usage: npm run torture [-- OPTIONS]

  --minutes M    how long things are broken (default 10)
  --seed S       the same seed breaks the same things in the same order (default 1)
  --every S      seconds between two blows (default 2)
  --clients N    clients that post at the same time (default 4)
  --generator G  real, or tiny: models of the same shapes with few channels, for many more jobs (default real)
  --json         one JSON object on the last line`;

/** What is wrong is printed so often at most. */
const SHOWN = 10;

async function main({ json, ...options }: Options & { json: boolean }): Promise<void> {
  const plan = planOf(options.seed, options.every);
  const first = Array.from({ length: SHOWN }, () => plan.next().value.name);
  say(`The plan of seed ${options.seed}: ${first.join(', ')}, ...`);
  const { result, verdict } = await torture(options);
  print(result, verdict);
  if (json) console.log(JSON.stringify(result));
  const { lost, doubled, corrupted, left } = verdict;
  if (lost.length + doubled.length + corrupted.length + left.length > 0) process.exitCode = 1;
}

function print(result: Result, verdict: Verdict): void {
  const rows = Object.entries(result).map(([name, value]) => [
    name,
    typeof value === 'object'
      ? Object.entries(value)
          .map(([key, n]) => `${key}: ${n}`)
          .join(', ')
      : `${value}`,
  ]);
  say(table(rows.map(([name, value]) => [`${name}  ${value}`])));
  for (const [name, list] of Object.entries(verdict) as [string, string[]][])
    for (const one of list.slice(0, SHOWN)) say(`${name}: ${one}`);
}

function optionsOf(args: string[]): Options & { json: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      every: { type: 'string', default: '2' },
      clients: { type: 'string', default: '4' },
      generator: { type: 'string', default: 'real' },
      json: { type: 'boolean', default: false },
    },
  });
  const { generator } = values;
  if (generator !== 'real' && generator !== 'tiny')
    throw new Error(`Expected real or tiny for --generator but received '${generator}'`);
  return {
    minutes: integerOption('minutes', values.minutes),
    seed: integerOption('seed', values.seed, 0),
    every: integerOption('every', values.every, 0),
    clients: integerOption('clients', values.clients),
    generator,
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
