/** `npm run fuzz:inputs`: broken model files, latents, forms and photos against every reader of bytes that nobody vouches for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { LIMITS } from './fuzz/fuzz.js';
import { isTargetName, TARGETS, type TargetName } from './fuzz/targets.js';
import { type Watched, watch } from './fuzz/watch.js';
import { table } from './table.js';
import { CACHE, say } from './workspace.js';

const USAGE = `Usage: npm run fuzz:inputs [-- OPTIONS]

  --inputs N   inputs in all (default 1000000)
  --seed S     the same seed gives the same inputs (default 1)
  --only LIST  some of ${Object.keys(TARGETS).join(',')} (default all)
  --json       the counts as JSON on standard output`;

interface Options {
  inputs: number;
  seed: number;
  only: TargetName[];
  json: boolean;
}

async function main({ inputs, seed, only, json }: Options): Promise<void> {
  const whole = only.reduce((n, name) => n + TARGETS[name].share, 0);
  const results: (Watched & { target: TargetName })[] = [];
  for (const target of only) {
    const count = Math.ceil((inputs * TARGETS[target].share) / whole);
    let told = 0;
    const result = await watch(target, {
      inputs: count,
      seed,
      onCounts: (counts) => {
        if (performance.now() - told < 10_000) return;
        told = performance.now();
        say(`${target}: ${counts.inputs} of ${count}`);
      },
    });
    for (const failure of result.failures) keep(target, failure);
    results.push({ target, ...result });
  }
  const failed = results.reduce((n, { failures }) => n + failures.length, 0);
  const rows = results.map(({ target, counts, failures, seconds }) => ({
    target,
    ...counts,
    seconds,
    failures: failures.map(({ index, reason }) => ({ index, reason })),
  }));
  const total = rows.reduce((n, row) => n + row.inputs, 0);
  console.log(json ? JSON.stringify({ seed, inputs: total, failed, targets: rows }) : textOf(rows, total));
  if (failed > 0) process.exitCode = 1;
}

function textOf(
  rows: readonly {
    target: string;
    inputs: number;
    accepted: number;
    refusals: number;
    slowest: { index: number; seconds: number };
    peakMegabytes: number;
    seconds: number;
    failures: readonly unknown[];
  }[],
  total: number,
): string {
  const head = ['target', 'inputs', 'accepted', 'ways to refuse', 'slowest', 'peak', 'failures', 'time'];
  const lines = rows.map((row) => [
    row.target,
    `${row.inputs}`,
    `${row.accepted}`,
    `${row.refusals}`,
    `${(1000 * row.slowest.seconds).toFixed(0)} ms`,
    `${row.peakMegabytes.toFixed(0)} MB`,
    `${row.failures.length}`,
    `${row.seconds.toFixed(0)} s`,
  ]);
  return `${table([head, ...lines])}\n${total} inputs; a failure is an end of the process, an error that is no refusal, more than ${LIMITS.seconds} s or more than ${LIMITS.megabytes} MB`;
}

/** The input that failed, for a test that holds it. */
function keep(target: TargetName, { index, reason, input }: Watched['failures'][number]): void {
  const folder = join(CACHE, 'fuzz');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${target}-${index}.bin`);
  writeFileSync(path, input);
  say(`${target}: input ${index} ${reason} (${path})`);
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      inputs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(TARGETS);
  const only = names.filter(isTargetName);
  if (only.length !== names.length)
    throw new Error(`Expected some of ${Object.keys(TARGETS)} for --only but received '${values.only}'`);
  return {
    inputs: integerOption('inputs', values.inputs),
    seed: integerOption('seed', values.seed, 0),
    only,
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
