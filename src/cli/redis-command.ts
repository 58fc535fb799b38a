/** Commands of operators that need nothing of the service but its Redis. */
import type { Redis } from 'ioredis';
import { type Config, loadConfig } from '../config.js';
import { connectRedis, ready } from '../store/redis.js';
import { embeddedRedisUrl } from './embedded-redis.js';

/** Ends a command with the usage. */
export class Misused extends Error {}

/** Runs `work` on the Redis of REDIS_URL, or of the service that runs on the data directory. The exit code is 0, or `failureCode`. */
export async function redisCommand(
  usage: string,
  work: (redis: Redis, config: Config & { redisUrl: string }) => Promise<void>,
  failureCode = 1,
): Promise<void> {
  const config = loadConfig();
  const url = config.redisUrl ?? (await embeddedRedisUrl(config.dataDir));
  if (!url) {
    console.error('No Redis is known: start the service with `npm start`, or set REDIS_URL.');
    process.exitCode = failureCode;
    return;
  }
  const redis = connectRedis(url, () => undefined);
  try {
    await ready(redis, 5_000);
    await work(redis, { ...config, redisUrl: url });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof Misused) console.error(`\n${usage}`);
    process.exitCode = failureCode;
  }
  redis.disconnect();
}
