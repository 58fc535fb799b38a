/** `npm run torture`: clients use the whole service while it is broken again and again; in the end everything is accounted for. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { loadConfig } from '../src/config.js';
import { uniformFrom } from '../src/models/random.js';
import { Fleet } from '../test/support/fleet/fleet.js';
import { type Receiver, startReceiver } from '../test/support/webhook-receiver.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { listedFaces, photoBytes } from './photos.js';
import { progress } from './progress.js';
import { table } from './table.js';
import { client } from './torture/client.js';
import { Http } from './torture/http.js';
import { dice, killer } from './torture/killer.js';
import { type Entry, idOf, Ledger } from './torture/ledger.js';
import { expectedEvents, judge, type Verdict } from './torture/verdict.js';
import { Watcher } from './torture/watcher.js';
import { CACHE, models, say } from './workspace.js';

const USAGE = `Usage: npm run torture [-- OPTIONS]

  --minutes M    how long things are broken (default 10)
  --seed S       the same seed breaks the same things in the same order (default 1)
  --every S      seconds between two blows (default 2)
  --clients N    clients that post at the same time (default 4)
  --json         one JSON object on the last line`;

interface Options {
  minutes: number;
  seed: number;
  every: number;
  clients: number;
  json: boolean;
}

/** Little work for each photo: what is tested is what happens around it. */
const FIELDS = { preset: 'draft', steps: '2', start: 'average', side: '224' };
const SETTINGS = {
  LATENTMORPH_WEBHOOK_PRIVATE: 'allow',
  LATENTMORPH_BATCH: '1',
  LATENTMORPH_THREADS: '1',
  LATENTMORPH_RATE_PER_MINUTE: '0',
  LOG_LEVEL: 'warn',
};
/** Seconds that everything accepted may take to come to its end after the last blow. */
const SETTLE = 300;
const PHOTOS = 3;
/** What is wrong is printed so often at most. */
const SHOWN = 10;

async function main(options: Options): Promise<void> {
  await models();
  const { minutes, seed, every, clients } = options;
  const photos = await Promise.all((await listedFaces('tuning')).slice(0, PHOTOS).map(photoBytes));
  const receiver = await startReceiver();
  const fleet = await Fleet.start({
    apis: 2,
    workers: [
      ['embed', 'render', 'upkeep'],
      ['embed', 'render', 'upkeep'],
    ],
    env: SETTINGS,
  });
  const { keyPrefix } = loadConfig({});
  const redis = new Redis(fleet.redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  try {
    const run = new Run(fleet, receiver, seed);
    await run.hook();
    const times = await run.strike({ minutes, every, clients, photos, keyPrefix });
    const verdict = await judge(fleet, redis, keyPrefix, { ...run, received: receiver.received });
    await keepLogs(fleet);
    await fleet.stop();
    for (const left of await fleet.processes()) verdict.left.push(left);
    report(options, run, times, verdict);
  } catch (error) {
    say(await fleet.said());
    throw error;
  } finally {
    redis.disconnect();
    await fleet.stop();
    await receiver.close();
  }
}

/** One run with everything that is remembered of it. */
class Run {
  readonly ledger = new Ledger();
  readonly blows = new Map<string, number>();
  kills = 0;
  readonly http: Http;
  readonly #random: () => number;
  readonly #end = new AbortController();

  constructor(
    private readonly fleet: Fleet,
    private readonly receiver: Receiver,
    private readonly seed: number,
  ) {
    this.#random = uniformFrom(seed);
    this.http = new Http(fleet, this.ledger, uniformFrom(seed + 1), this.#end.signal);
  }

  async hook(): Promise<void> {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: this.receiver.url }),
    };
    const made = await this.http.until('/webhooks', init);
    if (made?.status !== 201) throw new Error(`No webhook could be made: ${made?.status} ${made?.bytes}`);
  }

  /** Clients and killer for so many minutes, and then what it takes until all is quiet. Resolves with recovery times in seconds. */
  async strike({
    minutes,
    every,
    clients,
    photos,
    keyPrefix,
  }: Pick<Options, 'minutes' | 'every' | 'clients'> & { photos: Uint8Array[]; keyPrefix: string }): Promise<
    number[]
  > {
    const bar = progress('torture', Math.round(minutes * 60));
    const until = performance.now() + minutes * 60_000;
    const isOver = (): boolean => performance.now() >= until;
    const quiet = { isSettled: false };
    const watcher = new Watcher(this.fleet.redisUrl, keyPrefix);
    const watching = watcher.watch(() => quiet.isSettled);
    const ticking = setInterval(() => bar.tick(`${this.kills} kills, ${this.#told()}`, 1), 1000);
    const kept: Entry[] = [];
    const common = {
      http: this.http,
      ledger: this.ledger,
      photos,
      fields: FIELDS,
      kept,
      isOver,
      end: this.#end.signal,
    };
    const all = Array.from({ length: clients }, (_, i) =>
      client(`client-${this.seed}-${i}`, { ...common, random: uniformFrom(this.seed + 100 + i) }),
    );
    const onBlow = (name: string, counts: boolean): void => {
      this.blows.set(name, (this.blows.get(name) ?? 0) + 1);
      if (counts) this.kills++;
    };
    await killer(this.fleet, dice(this.#random), { every, isOver, onBlow });
    clearInterval(ticking);
    bar.stop();
    say('Everything is whole again; waiting for what was accepted ...');
    for (const part of this.fleet.parts) await part.start();
    await Promise.race([Promise.all(all), sleep(SETTLE * 1000)]);
    await this.#heardOf(expectedEvents(this.ledger.entries));
    quiet.isSettled = true;
    await watching;
    return watcher.recoveries;
  }

  async #heardOf(names: readonly string[]): Promise<void> {
    for (const until = performance.now() + 90_000; performance.now() < until; await sleep(500)) {
      const heard = new Set(
        this.receiver.received.map(({ body }) => {
          const { type, data } = JSON.parse(body);
          return `${type} of ${data.id}`;
        }),
      );
      if (names.every((name) => heard.has(name))) return;
    }
  }

  #told(): string {
    const ended = this.ledger.entries.filter(({ end, isDeleted }) => end || isDeleted).length;
    return `${ended} of ${this.ledger.entries.length} jobs ended`;
  }
}

/** What the processes said, for whoever wants to know why something ended as it did. */
async function keepLogs({ dataDir }: Fleet): Promise<void> {
  const to = join(CACHE, 'torture-logs');
  await rm(to, { recursive: true, force: true });
  await cp(join(dataDir, 'logs'), to, { recursive: true });
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
};

function report(
  { minutes, seed, json }: Options,
  run: Run,
  recoveries: readonly number[],
  verdict: Verdict,
): void {
  const { ledger, kills, blows } = run;
  const accepted = ledger.entries.filter((entry) => idOf(entry));
  const ends: Record<string, number> = {};
  for (const { end, isDeleted } of accepted) {
    const name = isDeleted
      ? 'deleted'
      : end?.state === 'failed'
        ? `failed ${end.code}`
        : (end?.state ?? 'unfinished');
    ends[name] = (ends[name] ?? 0) + 1;
  }
  const { lost, doubled, corrupted, left, mended } = verdict;
  const result = {
    seed,
    minutes,
    jobs: accepted.length,
    kills,
    lost: lost.length,
    doubled: doubled.length,
    corrupted: corrupted.length,
    left: left.length,
    recoveries: recoveries.length,
    recoveryP99Seconds: round(quantile(recoveries, 0.99)),
    recoveryMaxSeconds: round(Math.max(0, ...recoveries)),
    statusReads: ledger.statusReads.length,
    statusP50Ms: round(quantile(ledger.statusReads, 0.5)),
    statusP99Ms: round(quantile(ledger.statusReads, 0.99)),
    images: ledger.images.size,
    ends,
    blows: Object.fromEntries(blows),
    mended: mended.length,
    answers: Object.fromEntries(ledger.answers),
  };
  const rows = Object.entries(result).map(([name, value]) => [
    name,
    typeof value === 'object'
      ? Object.entries(value)
          .map(([key, n]) => `${key}: ${n}`)
          .join(', ')
      : `${value}`,
  ]);
  say(table(rows.map(([name, value]) => [`${name}  ${value}`])));
  for (const [name, list] of Object.entries({ lost, doubled, corrupted, left, mended }))
    for (const one of list.slice(0, SHOWN)) say(`${name}: ${one}`);
  if (json) console.log(JSON.stringify(result));
  if (lost.length + doubled.length + corrupted.length + left.length > 0) process.exitCode = 1;
}

const round = (value: number): number => Math.round(value * 10) / 10;

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      every: { type: 'string', default: '2' },
      clients: { type: 'string', default: '4' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    minutes: integerOption('minutes', values.minutes),
    seed: integerOption('seed', values.seed, 0),
    every: integerOption('every', values.every, 0),
    clients: integerOption('clients', values.clients),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
