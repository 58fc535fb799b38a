/** The whole service as child processes of this one: Redis, API, worker. What `npm start` and `npm run demo` share. */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, childEnvironment } from '../config.js';
import { planRedis, redisDir, redisReady, releaseRedis } from './embedded-redis.js';
import { leashed, nodeSpec, type ProcessSpec, Supervised } from './processes.js';

/** Restarts per minute of one process before the whole service gives up. */
const RESTARTS = 3;
const READY_TIMEOUT_MS = 180_000;
const GRACE_MS = { api: 5_000, worker: 10_000, redis: 10_000 };

export class Service {
  /** Settles with the reason when a part has died for good; the caller then stops the rest. */
  readonly failed: Promise<string>;
  readonly url: string;
  readonly #config: Config;
  readonly #say: (line: string) => void;
  readonly #parts = new Map<keyof typeof GRACE_MS, Supervised>();
  #fail: (reason: string) => void = () => undefined;
  #ready = false;
  #stopping: Promise<void> | undefined;

  /** The models must exist. `say` hears one line for each thing worth telling. */
  constructor(config: Config, say: (line: string) => void) {
    this.#config = config;
    this.#say = say;
    this.url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}`;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  get #redisDir(): string {
    return redisDir(this.#config.dataDir);
  }

  /** Resolves when the service answers and a worker is warm. Rejects with a sentence that says what to do. */
  async start(): Promise<void> {
    const { host, port } = this.#config;
    await refuseTakenPort(host, port);
    const redisUrl = this.#config.redisUrl ?? (await this.#startRedis());
    const env = childEnvironment({ ...this.#config, redisUrl });
    this.#run('worker', nodeSpec('worker', new URL('../worker/main.js', import.meta.url), env));
    this.#run('api', nodeSpec('api', new URL('../api/main.js', import.meta.url), env));
    await this.#orFailure(this.#answers());
    this.#ready = true;
  }

  /** Stops what was started, API first, so that nothing new comes in. Safe to call at any time and more than once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /** Kills everything at once. */
  kill(): void {
    for (const part of this.#parts.values()) part.kill();
  }

  /** Process ids by part. */
  get pids(): Record<string, number | undefined> {
    return Object.fromEntries([...this.#parts].map(([name, part]) => [name, part.pid]));
  }

  async #startRedis(): Promise<string> {
    const { modelsDir, redisFsync } = this.#config;
    const { url, spec } = await planRedis(this.#redisDir, modelsDir, { fsync: redisFsync });
    this.#run('redis', leashed(spec));
    await this.#orFailure(redisReady(url, 20_000));
    return url;
  }

  #run(name: keyof typeof GRACE_MS, spec: ProcessSpec): void {
    if (this.#stopping) throw new Error('The service is stopping.');
    const part = new Supervised(
      spec,
      (ends) => this.#ready && ends <= RESTARTS,
      (reason) => this.#say(`${reason}; starting it again`),
    );
    this.#parts.set(name, part);
    void part.gaveUp.then(this.#fail);
  }

  async #stopAll(): Promise<void> {
    for (const name of ['api', 'worker', 'redis'] as const) await this.#parts.get(name)?.stop(GRACE_MS[name]);
    if (this.#parts.has('redis')) await releaseRedis(this.#redisDir);
  }

  async #orFailure<T>(work: Promise<T>): Promise<T> {
    const failure = this.failed.then((reason): never => {
      throw new Error(`The service did not start: ${reason}.`);
    });
    return Promise.race([work, failure]);
  }

  async #answers(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline && !this.#stopping) {
      const response = await fetch(`${this.url}/readyz`).catch(() => undefined);
      await response?.body?.cancel();
      if (response?.ok) return;
      await sleep(100);
    }
    throw new Error(
      this.#stopping
        ? 'The service is stopping.'
        : `The service was not ready within ${READY_TIMEOUT_MS / 1000} s.`,
    );
  }
}

async function refuseTakenPort(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `Port ${port} of ${host} is taken by another program. Set PORT to a free one: PORT=3001 npm start`,
            )
          : new Error(`Cannot listen on ${host}, port ${port}: ${error.message}`),
      ),
    );
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
