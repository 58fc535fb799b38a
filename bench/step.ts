/** `npm run bench:step`: one Adam step of ours and of PyTorch, on the same weights, latent, target and threads, in turns. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ALLOCATOR_ENV } from '../src/engine/allocator.js';
import { readOnnx } from '../src/models/graph/read-onnx.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { stepGraphFile } from './engine.js';
import { bytesOf } from './floats.js';
import { alignedPhotos } from './photos.js';
import { progress } from './progress.js';
import { largestDifference, median } from './statistics.js';
import { LineChild } from './step/line-child.js';
import { macsOf } from './step/macs.js';
import { type Shares, sharesOf } from './step/profile.js';
import { pythonWithTorch, sourceWeights } from './step/python.js';
import { type Compared, report, type Side } from './step/report.js';
import { CACHE, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run bench:step [-- OPTIONS]

  --rounds N           turns of each side (default 7)
  --chunk N            steps in a turn (default 5)
  --threads N          threads of each side (default 2)
  --python PATH        a Python with PyTorch and numpy (default: made in .cache/bench-venv with pip)
  --compile-limit S    seconds that torch.compile may take for its first steps; 0 leaves it out (default 600)
  --json               one JSON object on the last line`;

/** The paper's learning rate. */
const RATE = 0.01;
/** Losses of two sides that compute the same differ by rounding alone ... */
const TOLERANCE = 1e-4;
/** ... as long as Adam has not blown it up: its first steps divide gradients by their own size, however small. */
const COMPARED_STEPS = 2;
/** Loading weights and a first turn, in seconds, on a slow machine. */
const PATIENCE = 600;
/** Threads of a side spin for a moment after its turn: they shall not take the next one's time. */
const PAUSE_MS = 300;

interface Options {
  rounds: number;
  chunk: number;
  threads: number;
  python: string | undefined;
  compileLimit: number;
  json: boolean;
}

/** A side under measurement. */
interface Runner extends Side {
  child: LineChild;
}

async function main(options: Options): Promise<void> {
  const { rounds, chunk, threads, compileLimit } = options;
  const manifest = await models();
  const python = await pythonWithTorch(options.python);
  const inputs = await writeInputs(manifest.averageLatent, manifest.generator.styles);
  const common = [...inputs, String(threads), String(RATE)];
  const torch = async (mode: 'eager' | 'compile'): Promise<[string, ...string[]]> => [
    python,
    join(ROOT, 'bench/step/torch_child.py'),
    join(ROOT, 'test/golden'),
    await sourceWeights(),
    ...common,
    mode,
  ];
  const file = await stepGraphFile(manifest);
  const ours = await begin(
    'latentmorph',
    [process.execPath, beside('our-child.js'), ...common],
    chunk,
    PATIENCE,
    ALLOCATOR_ENV,
  );
  const eager = await begin('PyTorch eager', await torch('eager'), chunk, PATIENCE);
  const compiled =
    compileLimit === 0
      ? { unavailable: 'left out by --compile-limit 0' }
      : await begin('torch.compile', await torch('compile'), chunk, compileLimit).catch((error: Error) => ({
          unavailable: error.message,
        }));
  const sides = 'unavailable' in compiled ? [ours, eager] : [ours, eager, compiled];
  const bars = progress('turns', rounds * sides.length);
  for (let round = 0; round < rounds; round++) {
    for (const side of sides) {
      await sleep(PAUSE_MS);
      const { losses, seconds } = await side.child.steps(chunk, PATIENCE);
      side.losses.push(...losses.slice(0, COMPARED_STEPS));
      side.times.push(seconds / chunk);
      bars.tick(`${side.name} ${median(side.times).toFixed(3)} s a step`);
    }
  }
  bars.stop();
  for (const side of sides) {
    side.peakBytes = await side.child.peakBytes();
    await side.child.stop();
  }
  say('Profiling ...');
  const compared: Compared = {
    ours,
    eager,
    compiled,
    lossDifference: agreement(ours, sides),
    macs: macsOf(readOnnx(await readFile(file))),
    shares: await profile(file, threads),
    machine: `${cpus()[0]?.model.trim()}, ${threads} threads`,
    rounds,
    chunk,
    threads,
  };
  const { text, json } = report(compared);
  console.log(text);
  if (options.json) console.log(JSON.stringify(json));
}

/**
 * Starts a side and lets it take a first turn, which nobody times: it allocates, packs weights, compiles. Every turn takes
 * the same steps from the same latent.
 */
async function begin(
  name: string,
  command: readonly [string, ...string[]],
  chunk: number,
  limit: number,
  own: Record<string, string> = {},
): Promise<Runner> {
  say(`Starting ${name} ...`);
  const env = { TORCHINDUCTOR_CACHE_DIR: join(CACHE, 'inductor'), ...own };
  const { child, version } = await LineChild.start(name, command, { seconds: PATIENCE, env });
  const { losses } = await child.steps(chunk, limit);
  return { name, version, child, losses: losses.slice(0, COMPARED_STEPS), times: [], peakBytes: undefined };
}

/** Largest relative difference of a loss from ours. Throws when it is no rounding: then the sides do different work. */
function agreement(ours: Side, sides: readonly Side[]): number {
  const differences = sides.map(({ losses }) => largestDifference(losses, ours.losses));
  const largest = Math.max(...differences);
  if (largest <= TOLERANCE) return largest;
  const { name } = sides[differences.indexOf(largest)]!;
  throw new Error(
    `The losses of ${name} differ from ours by ${largest.toExponential(1)}: nothing to compare`,
  );
}

/** The average latent and the first tuning photo, as files for the children. */
async function writeInputs(
  average: readonly number[],
  styles: number,
): Promise<[latent: string, target: string]> {
  const [photo] = await alignedPhotos('tuning', 1);
  const folder = join(CACHE, 'step');
  await mkdir(folder, { recursive: true });
  const paths: [string, string] = [join(folder, 'latent.f32'), join(folder, 'target.f32')];
  await writeFile(paths[0], bytesOf(Float32Array.from(Array.from({ length: styles }, () => average).flat())));
  await writeFile(paths[1], bytesOf(photo!.target));
  return paths;
}

async function profile(model: string, threads: number): Promise<Shares> {
  const folder = join(CACHE, `profile-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    const args = [beside('profile-child.js'), model, String(threads), join(folder, 'step')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = (await once(child, 'close')) as [number | null];
    const [file] = await readdir(folder);
    if (code !== 0 || !file) throw new Error('The profile could not be taken');
    return sharesOf(await readFile(join(folder, file), 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const beside = (file: string): string => fileURLToPath(new URL(`step/${file}`, import.meta.url));

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      chunk: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      python: { type: 'string' },
      'compile-limit': { type: 'string', default: '600' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: integerOption('rounds', values.rounds),
    chunk: integerOption('chunk', values.chunk),
    threads: integerOption('threads', values.threads),
    python: values.python,
    compileLimit: integerOption('compile-limit', values['compile-limit'], 0),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
