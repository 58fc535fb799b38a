/** `npm run soak`: uses the whole service for a long time, and tells whether it grows. Linux only: it reads /proc. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Fleet } from '../test/support/fleet/fleet.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { lineChart } from './experiments/line-chart.js';
import { listedFaces, photoBytes } from './photos.js';
import { progress } from './progress.js';
import { Cycle } from './soak/cycle.js';
import { floors, type Slope, slopeOf } from './soak/fit.js';
import { look, type Watched, watched } from './soak/processes.js';
import { type RouteTimes, Times } from './soak/times.js';
import { table } from './table.js';
import { models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run soak [-- OPTIONS]

  --minutes M    how long growth is measured (default 30)
  --warm-up M    minutes before, in which caches fill (default 10)
  --load P       percent of the time in which the one client has a request open (default 50)
  --out FILE     picture of the memory of each process, SVG (default out/soak.svg)
  --json         one JSON object on the last line`;

interface Options {
  minutes: number;
  warmUp: number;
  load: number;
  out: string;
  json: boolean;
}

const LOOK_EVERY_MS = 5_000;
/** Seconds in which every process collects its garbage at least once. */
const STRETCH = 60;
const PHOTOS = 3;

interface Growth {
  name: string;
  memory: Slope;
  /** MiB at the end. */
  mebibytes: number;
  files: { first: number; last: number };
}

async function main(options: Options): Promise<void> {
  await models();
  const { minutes, warmUp, load } = options;
  const photos = await Promise.all((await listedFaces('tuning')).slice(0, PHOTOS).map(photoBytes));
  const fleet = await Fleet.start({
    env: { LATENTMORPH_BATCH: '1', LATENTMORPH_RATE_PER_MINUTE: '0', LOG_LEVEL: 'warn' },
  });
  try {
    const times = new Times(fleet.url);
    const cycle = new Cycle(times, photos);
    const processes = await watched(fleet);
    const begun = performance.now();
    const seconds = (): number => (performance.now() - begun) / 1000;
    const end = 60 * (warmUp + minutes);
    const bar = progress('soak', Math.ceil(end));
    const looking = watch(processes, seconds, () => seconds() >= end);
    let [rounds, told, isWarm] = [0, 0, false];
    while (seconds() < end) {
      if (!isWarm && seconds() >= 60 * warmUp) {
        isWarm = true;
        times.clear();
      }
      const before = performance.now();
      await cycle.run();
      rounds++;
      // At half the load it rests as long as it has worked, however slow the machine is just now.
      await sleep((performance.now() - before) * (100 / load - 1));
      bar.tick(`${rounds} rounds`, Math.floor(seconds()) - told);
      told = Math.floor(seconds());
    }
    await looking;
    bar.stop();
    const growth = processes.map((one) => growthOf(one, 60 * warmUp));
    report(options, rounds, growth, times.routes());
    await draw(processes, options.out);
  } catch (error) {
    say(await fleet.said());
    throw error;
  } finally {
    await fleet.stop();
  }
}

async function watch(
  processes: readonly Watched[],
  seconds: () => number,
  isOver: () => boolean,
): Promise<void> {
  for (; !isOver(); await sleep(LOOK_EVERY_MS)) await look(processes, seconds());
}

function growthOf({ name, memory, files }: Watched, warmUp: number): Growth {
  const later = memory.filter(({ at }) => at >= warmUp);
  const open = floors(
    files.filter(({ at }) => at >= warmUp),
    STRETCH,
  ).map(({ value }) => value);
  return {
    name,
    memory: slopeOf(floors(later, STRETCH)),
    mebibytes: later.at(-1)!.value,
    files: { first: open[0]!, last: open.at(-1)! },
  };
}

async function draw(processes: readonly Watched[], out: string): Promise<void> {
  const series = processes.map(({ name, memory }) => ({
    name,
    points: floors(memory, 15).map(({ at, value }) => [at / 60, value] as const),
  }));
  const chart = lineChart({ title: 'Memory of each process', x: 'minutes', y: 'MiB', series });
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, chart);
}

function report(
  { minutes, warmUp, load, out, json }: Options,
  rounds: number,
  growth: Growth[],
  routes: RouteTimes[],
): void {
  const number = (value: number): string => value.toFixed(1);
  say(
    table([
      ['process', 'MiB', 'MiB an hour', '95 %', 'files'],
      ...growth.map(({ name, memory, mebibytes, files }) => [
        name,
        number(mebibytes),
        number(memory.perHour),
        `${number(memory.least)} to ${number(memory.most)}`,
        `${files.first} to ${files.last}`,
      ]),
    ]),
  );
  say('');
  say(
    table([
      ['route', 'requests', 'p50 ms', 'p99 ms'],
      ...routes.map(({ route, count, p50Ms, p99Ms }) => [route, `${count}`, number(p50Ms), number(p99Ms)]),
    ]),
  );
  say(`\n${rounds} rounds in ${warmUp} + ${minutes} minutes at ${load} % load. ${out}`);
  if (json) console.log(JSON.stringify({ minutes, warmUp, load, rounds, growth, routes }));
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '30' },
      'warm-up': { type: 'string', default: '10' },
      load: { type: 'string', default: '50' },
      out: { type: 'string', default: join(ROOT, 'out/soak.svg') },
      json: { type: 'boolean', default: false },
    },
  });
  const load = integerOption('load', values.load);
  if (load > 100) throw new Error(`Expected at most 100 for --load but received '${values.load}'`);
  return {
    minutes: integerOption('minutes', values.minutes, 3),
    warmUp: integerOption('warm-up', values['warm-up'], 0),
    load,
    out: values.out,
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
