/** One run: a fleet, clients, a killer, and the judgement in the end. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onStop } from '../../src/cli/on-stop.js';
import { loadConfig } from '../../src/config.js';
import { uniformFrom } from '../../src/models/random.js';
import { Fleet } from '../../test/support/fleet/fleet.js';
import { type Receiver, startReceiver } from '../../test/support/webhook-receiver.js';
import { listedFaces, photoBytes } from '../photos.js';
import { progress } from '../progress.js';
import { CACHE, MODELS_DIR, models, say } from '../workspace.js';
import { client } from './client.js';
import { Http } from './http.js';
import { killer, planOf } from './killer.js';
import { type Entry, Ledger, NOTHING } from './ledger.js';
import { type Result, resultOf } from './result.js';
import { tinyModels } from './tiny-models.js';
import { expectedEvents, judge, type Verdict } from './verdict.js';
import { Watcher } from './watcher.js';

export interface Options {
  minutes: number;
  seed: number;
  /** Seconds between two blows. */
  every: number;
  clients: number;
  generator: 'real' | 'tiny';
}

/** Little work for each photo: what is tested is what happens around it. All steps at the side that engines open first. */
const FIELDS = { preset: 'draft', steps: '2', start: 'average', coarse: '1', learningRate: '0.01' };
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

/** Resolves when all is accounted for and no process is left. */
export async function torture(options: Options): Promise<{ result: Result; verdict: Verdict }> {
  const manifest = await models();
  const modelsDir = options.generator === 'tiny' ? join(CACHE, 'tiny-models') : MODELS_DIR;
  if (options.generator === 'tiny') await tinyModels(MODELS_DIR, manifest, modelsDir);
  const photos = await Promise.all((await listedFaces('tuning')).slice(0, PHOTOS).map(photoBytes));
  const receiver = await startReceiver();
  const fleet = await Fleet.start({
    apis: 2,
    workers: [
      ['embed', 'render', 'upkeep'],
      ['embed', 'render', 'upkeep'],
    ],
    env: { ...SETTINGS, LATENTMORPH_MODELS: modelsDir },
  });
  // Redis outlives its parent, as a server may: an interrupted run must take it along.
  onStop(() => void fleet.stop().finally(() => process.exit(130)));
  const { keyPrefix } = loadConfig({});
  const redis = new Redis(fleet.redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  try {
    const run = new Run(fleet, receiver, options.seed);
    await run.hook();
    const recoveries = await run.strike({ ...options, photos, keyPrefix });
    const verdict = await judge(fleet, redis, keyPrefix, { ...run, received: receiver.received });
    await keepLogs(fleet);
    await fleet.stop();
    for (const left of await fleet.processes()) verdict.left.push(left);
    return { result: resultOf(options, run, recoveries, verdict), verdict };
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
export class Run {
  readonly ledger = new Ledger();
  readonly blows = new Map<string, number>();
  /** Processes that ended although nobody had killed them. */
  readonly deaths = new Map<string, number>();
  kills = 0;
  readonly http: Http;
  readonly #end = new AbortController();

  constructor(
    private readonly fleet: Fleet,
    private readonly receiver: Receiver,
    private readonly seed: number,
  ) {
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
      this.ledger.during = name;
    };
    const onMended = (): void => {
      this.ledger.during = NOTHING;
    };
    const onDeath = (part: string): void => {
      this.deaths.set(part, (this.deaths.get(part) ?? 0) + 1);
    };
    await killer(this.fleet, planOf(this.seed, every), { isOver, onBlow, onMended, onDeath });
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
