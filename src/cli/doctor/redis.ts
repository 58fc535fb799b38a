/** The Redis of the service: the one that REDIS_URL names, or the one that `serve` brings along. */
import type { Redis } from 'ioredis';
import { connectRedis, ready } from '../../store/redis.js';
import { embeddedRedisUrl, redisProgram } from '../embedded-redis.js';
import { type Finding, failed, ok, type Surroundings, warning } from './finding.js';

const OLDEST = 6.2;
const ANSWER_WITHIN_MS = 3_000;

export async function checkRedis({ config }: Surroundings): Promise<Finding> {
  if (config.redisUrl) return checkServer(config.redisUrl);
  const running = await embeddedRedisUrl(config.dataDir);
  if (running) return ok('Redis', 'the embedded one runs');
  try {
    return ok('Redis', `${await redisProgram(config.modelsDir)} will be started`);
  } catch (error) {
    return failed('Redis', 'no program to start', (error as Error).message);
  }
}

async function checkServer(url: string): Promise<Finding> {
  const { host } = new URL(url);
  let last: Error | undefined;
  const redis = connectRedis(url, (error) => {
    last = error;
  });
  try {
    await ready(redis, ANSWER_WITHIN_MS);
    return await judged(redis, host);
  } catch (error) {
    return refusal(host, last ?? (error as Error));
  } finally {
    redis.disconnect();
  }
}

function refusal(host: string, error: Error): Finding {
  if (/NOAUTH|WRONGPASS|invalid password|invalid username/i.test(error.message))
    return failed(
      'Redis',
      `${host} refuses the password`,
      'Put user and password into REDIS_URL: redis://:PASSWORD@HOST:PORT',
    );
  const code = (error as NodeJS.ErrnoException).code ?? error.message;
  return failed(
    'Redis',
    `${host} does not answer (${code})`,
    'Start it, or correct REDIS_URL; without REDIS_URL a Redis is brought along.',
  );
}

async function judged(redis: Redis, host: string): Promise<Finding> {
  const info = new Map(
    (await redis.info()).split('\r\n').map((line) => line.split(/:(.*)/s, 2) as [string, string]),
  );
  const version = info.get('redis_version') ?? '0';
  if (Number.parseFloat(version) < OLDEST)
    return failed('Redis', `${host} has version ${version}`, `Use ${OLDEST} or newer.`);
  const policy = info.get('maxmemory_policy');
  if (policy !== 'noeviction')
    return failed(
      'Redis',
      `${host} may evict jobs and records (maxmemory-policy ${policy})`,
      'Set it in its configuration: maxmemory-policy noeviction',
    );
  if (info.get('aof_enabled') !== '1')
    return warning(
      'Redis',
      `${host}, version ${version}, keeps no append-only file`,
      'What it was told last is lost when it ends; set appendonly yes.',
    );
  return ok('Redis', `${host}, version ${version}`);
}
