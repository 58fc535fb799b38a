/** Connections that fail fast: a request must answer 503 while Redis is away, not wait for it. */
import { Redis, type RedisOptions } from 'ioredis';
import { AppError } from '../errors.js';

/** Replies that mean "not now" rather than "wrong command". */
const NOT_NOW = /^(OOM|LOADING|READONLY|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)\b/;

const FAIL_FAST: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // What was sent fails with its connection; with 1 it would wait for its timeout.
  maxRetriesPerRequest: 0,
  connectTimeout: 5_000,
  commandTimeout: 5_000,
};

/**
 * For connections that requests wait for: one that is silent for so many milliseconds while it owes a reply is closed, and until
 * there is a new one commands fail at once. A partition then costs the requests that meet it first this time, and no other.
 */
export const IN_REQUESTS: RedisOptions = { socketTimeout: 2_000 };

/** Opens a connection for short commands. It reconnects for ever; `onError` hears why it has to. */
export function connectRedis(
  url: string,
  onError: (error: Error) => void,
  options: RedisOptions = {},
): Redis {
  const redis = new Redis(url, { ...FAIL_FAST, ...options });
  redis.on('error', onError);
  return redis;
}

/**
 * Awaits Redis work; an unreachable, full or loading server becomes `UNAVAILABLE`. Errors lose the arguments of their
 * command, which may be secret and would be logged.
 */
export async function reachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof Error && 'command' in error) delete error.command;
    const reply = error instanceof Error && error.name === 'ReplyError' ? error.message : undefined;
    if (reply !== undefined && !NOT_NOW.test(reply)) throw error;
    throw new AppError('UNAVAILABLE', { detail: 'The store is out of reach; try again.', cause: error });
  }
}

/** Resolves once the connection is ready; rejects with `UNAVAILABLE` after `timeoutMs`. */
export async function ready(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', done);
      reject(new AppError('UNAVAILABLE', { detail: `Redis did not answer within ${timeoutMs} ms.` }));
    }, timeoutMs);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', done);
  });
}
