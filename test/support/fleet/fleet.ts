/** The built service as separate real processes, each of which can be killed, and a Redis behind a proxy that can fail. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, planRedis, redisReady } from '../../../src/cli/embedded-redis.js';
import { loadConfig, type Role } from '../../../src/config.js';
import { Part } from './part.js';
import { TcpProxy } from './tcp-proxy.js';

export interface FleetOptions {
  /** API processes; 1 where nothing is said. */
  apis?: number;
  /** The roles of each worker process; one with all where nothing is said. */
  workers?: readonly (readonly Role[])[];
  /** Settings of every process of the service. */
  env?: Readonly<Record<string, string>>;
}

/** What the processes of the service are made to suffer; see process-faults.mjs. */
export interface ProcessFaults {
  /** How far the clock of the processes is wrong. */
  clockMs?: number;
  /** How long each operation on a file of the blob store takes in addition. */
  diskMs?: number;
  /** What every write to the blob store fails with. */
  diskError?: 'ENOSPC' | 'EROFS';
}

/** Tests and benches run at the root of the project. */
const ROOT = process.cwd();
const READY_MS = 120_000;

export class Fleet {
  private constructor(
    readonly dataDir: string,
    readonly redis: Part,
    /** For the test itself, past the proxy. */
    readonly redisUrl: string,
    /** Between Redis and all processes of the service. */
    readonly proxy: TcpProxy,
    readonly apis: readonly Part[],
    readonly workers: readonly Part[],
    /** One for each API process. */
    readonly urls: readonly string[],
  ) {}

  get url(): string {
    return this.urls[0]!;
  }

  get parts(): readonly Part[] {
    return [this.redis, ...this.apis, ...this.workers];
  }

  /** Resolves when every API is ready, which needs a warm worker. The models and `dist` must be there. */
  static async start({
    apis = 1,
    workers = [['embed', 'render', 'upkeep']],
    env = {},
  }: FleetOptions = {}): Promise<Fleet> {
    const dataDir = await mkdtemp(join(tmpdir(), 'latentmorph-fleet-'));
    const logs = join(dataDir, 'logs');
    await mkdir(logs);
    const plan = await planRedis(join(dataDir, 'redis'), loadConfig().modelsDir);
    const redis = new Part({ ...plan.spec, log: join(logs, 'redis.log') });
    await redis.start();
    await redisReady(plan.url, 20_000);
    const proxy = await TcpProxy.to('127.0.0.1', Number(new URL(plan.url).port));
    const ports = await Promise.all(Array.from({ length: apis }, () => freePort()));
    const common = {
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      REDIS_URL: proxy.through(plan.url),
      LATENTMORPH_DATA: dataDir,
      LATENTMORPH_FAULTS: join(dataDir, 'faults.json'),
      ...env,
    };
    const part = (name: string, script: string, settings: Record<string, string>): Part =>
      new Part({
        name,
        command: process.execPath,
        args: [
          '--enable-source-maps',
          ...['dist/cli/lifeline.js', 'test/support/fleet/process-faults.mjs'].flatMap((file) => [
            '--import',
            join(ROOT, file),
          ]),
          join(ROOT, script),
        ],
        env: { ...common, ...settings },
        log: join(logs, `${name}.log`),
      });
    const fleet = new Fleet(
      dataDir,
      redis,
      plan.url,
      proxy,
      ports.map((port, i) => part(`api-${i}`, 'dist/api/main.js', { PORT: String(port) })),
      workers.map((roles, i) =>
        part(`worker-${i}`, 'dist/worker/main.js', { LATENTMORPH_ROLES: roles.join(',') }),
      ),
      ports.map((port) => `http://127.0.0.1:${port}`),
    );
    try {
      await Promise.all([...fleet.apis, ...fleet.workers].map((each) => each.start()));
      await fleet.ready();
    } catch (error) {
      const said = await fleet.said();
      await fleet.stop();
      throw new Error(`The service did not start:\n${said}`, { cause: error });
    }
    return fleet;
  }

  /** Resolves when every API that runs says that it is ready. */
  async ready(timeoutMs = READY_MS): Promise<void> {
    const urls = this.urls.filter((_, i) => this.apis[i]!.running);
    for (const deadline = performance.now() + timeoutMs; ; await sleep(100)) {
      const answers = await Promise.all(urls.map((url) => fetch(`${url}/readyz`).catch(() => undefined)));
      await Promise.all(answers.map((answer) => answer?.body?.cancel()));
      if (answers.every((answer) => answer?.ok)) return;
      if (performance.now() > deadline)
        throw new Error(`The service was not ready within ${timeoutMs / 1000} s`);
    }
  }

  /** Starts Redis again after its end, on the same files and port. */
  async restartRedis(): Promise<void> {
    await this.redis.start();
    await redisReady(this.redisUrl, 20_000);
  }

  /** Holds within a fifth of a second for all processes, until it is called again; `{}` heals. */
  async suffer(faults: ProcessFaults): Promise<void> {
    const path = join(this.dataDir, 'faults.json');
    const temporary = `${path}.${randomBytes(4).toString('hex')}`;
    await writeFile(temporary, JSON.stringify({ ...faults, below: join(this.dataDir, 'blobs') }));
    await rename(temporary, path);
    await sleep(200);
  }

  /** What the processes have said, each part under its name, for a failure's message. */
  async said(): Promise<string> {
    const texts = await Promise.all(
      this.parts.map(async (part) => `--- ${part.name}\n${(await part.said()).slice(-4000)}`),
    );
    return texts.join('\n');
  }

  /** Live processes of the service, whoever their parent is now, with their commands. None after `stop`. */
  async processes(): Promise<string[]> {
    const look = async (): Promise<string[]> => {
      // The environment, which every process below inherits, follows the command. Redis writes its title over its own.
      const { stdout } = await promisify(execFile)('ps', ['axeww', '-o', 'pid=,stat=,command='], {
        maxBuffer: 64 * 2 ** 20,
      });
      return stdout
        .split('\n')
        .filter((line) => line.includes(`LATENTMORPH_DATA=${this.dataDir}`) && !/^\s*\d+\s+Z/.test(line));
    };
    let found = await look();
    // What was killed a moment ago may still be there.
    for (let i = 0; i < 20 && found.length > 0; i++) {
      await sleep(100);
      found = await look();
    }
    return found.map((line) => line.slice(0, 120));
  }

  /** Stops everything and removes its files. Leaves no process, whatever state they are in. */
  async stop(): Promise<void> {
    await Promise.all([...this.apis, ...this.workers].map((part) => part.kill()));
    await this.proxy.close();
    await this.redis.kill();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
