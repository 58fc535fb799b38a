/** How many requests a key may make in a minute, counted in Redis for all API processes together. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { Redis } from 'ioredis';
import { AppError } from '../errors.js';

const WINDOW_MS = 60_000;

/** Every answer to a request that is counted says in RateLimit headers how many more there may be. */
export async function limitRates(
  app: FastifyInstance,
  { redis, prefix }: { redis: Redis; prefix: string },
): Promise<void> {
  await app.register(rateLimit, {
    redis,
    nameSpace: `${prefix}:rate:`,
    timeWindow: WINDOW_MS,
    enableDraftSpec: true,
    // What cannot be counted is let through; the store that is away refuses it with a better answer.
    skipOnError: true,
    allowList: ({ caller }) => caller.ratePerMinute === 0,
    keyGenerator: ({ caller }) => `${caller.key}`,
    max: ({ caller }) => caller.ratePerMinute,
    errorResponseBuilder: ({ caller }, { ttl }) => {
      const retryAfter = Math.max(1, Math.ceil(ttl / 1000));
      return new AppError('RATE_LIMITED', {
        detail: `This key may make ${caller.ratePerMinute} requests a minute; wait ${retryAfter} s.`,
        retryAfter,
      });
    },
  });
}
