/** `npm run bench:gpu`: steps, projections and morphs on the GPU at hand, or what is missing for one. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { EngineOptions } from '../src/engine/generator.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { machine, whyNoCuda } from './gpu/machine.js';
import {
  lossDifference,
  measureMorph,
  measureProjections,
  type Plan,
  stepMsWithoutTf32,
} from './gpu/measure.js';
import { profileSteps } from './gpu/profile.js';
import { report } from './gpu/report.js';
import { alignedPhotos } from './photos.js';
import { table } from './table.js';
import { MODELS_DIR, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run bench:gpu [-- OPTIONS]

  --profile          which operators cost what, and which do not run on the GPU
  --room             runs the tests of the gpu room first
  --batches LIST     sizes of batches, from 1 to 8 (default 1,8)
  --rounds N         turns of each time (default 7)
  --chunk N          steps in a turn (default 10)
  --paper-steps N    steps of the paper's runs, whose loss is to be reached (default 1000)
  --loss L           a loss to reach instead
  --device cpu       tries the bench itself where no GPU is: one batch of 1, in single precision
  --json             one JSON object on the last line

Exit code 3: there is no GPU that can be used. It says what is missing; with --json as {"available":false,"reason":...}.`;

const UNAVAILABLE = 3;

interface Options extends Plan {
  device: 'cpu' | 'cuda';
  profile: boolean;
  room: boolean;
  json: boolean;
}

async function main(options: Options): Promise<void> {
  const { device, json } = options;
  const reason = device === 'cuda' ? await whyNoCuda() : undefined;
  if (reason) {
    console.log(json ? JSON.stringify({ available: false, reason }) : reason);
    process.exitCode = UNAVAILABLE;
    return;
  }
  if (options.room) runRoom();
  const manifest = await models();
  const photos = await alignedPhotos('tuning', Math.max(...options.batches));
  const targets = photos.map(({ target }) => target);
  const engine = { modelsDir: MODELS_DIR, manifest, session: { device, threads: availableParallelism() } };
  const morph = await measureMorph(engine, options.rounds);
  const projections = await measureProjections(engine, targets, options);
  const steps = projections.reached[0]!.steps;
  const { text, json: result } = report({
    ...projections,
    device,
    machine: machine(),
    morph,
    withoutTf32:
      device === 'cuda' ? Object.fromEntries(options.batches.map((n) => [n, stepMsWithoutTf32(n)])) : {},
    halfLossDifference: options.precisions.includes('half')
      ? await lossDifference(engine, targets, steps)
      : undefined,
  });
  console.log(text);
  if (options.profile) await printProfiles(engine, options);
  if (json) console.log(JSON.stringify(result));
}

async function printProfiles(engine: EngineOptions, { batches, precisions }: Options): Promise<void> {
  for (const batch of batches) {
    for (const precision of precisions) {
      const costs = await profileSteps(engine, precision, batch);
      const rows = costs.map(({ op, runs, ms, provider }) => [
        op,
        runs.toFixed(1),
        ms.toFixed(3),
        provider.replace('ExecutionProvider', ''),
      ]);
      console.log(`\n${table([[`batch ${batch}, ${precision}`, 'runs', 'ms on the host', 'on'], ...rows])}`);
    }
  }
}

function runRoom(): void {
  say('The tests of the gpu room ...');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'gpu'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('The tests of the gpu room failed');
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      profile: { type: 'boolean', default: false },
      room: { type: 'boolean', default: false },
      batches: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      chunk: { type: 'string', default: '10' },
      'paper-steps': { type: 'string', default: '1000' },
      loss: { type: 'string' },
      device: { type: 'string', default: 'cuda' },
      json: { type: 'boolean', default: false },
    },
  });
  const { device } = values;
  if (device !== 'cpu' && device !== 'cuda')
    throw new Error(`Expected cpu or cuda for --device but received '${device}'`);
  const batches = (values.batches ?? (device === 'cpu' ? '1' : '1,8')).split(',');
  return {
    device,
    profile: values.profile && device === 'cuda',
    room: values.room,
    batches: batches.map((text) => integerOption('batches', text)),
    rounds: integerOption('rounds', values.rounds),
    chunk: integerOption('chunk', values.chunk),
    paperSteps: integerOption('paper-steps', values['paper-steps']),
    loss: values.loss === undefined ? undefined : integerOption('loss', values.loss),
    precisions: device === 'cpu' ? ['single'] : ['single', 'half'],
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
