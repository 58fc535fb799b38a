/** When a delivery that did not succeed is tried again. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds from one attempt to the next, as Standard Webhooks suggests: ten attempts in about three days. */
export const RETRY_DELAYS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** Share by which a delay is longer or shorter, so that what failed together does not come back together. */
const JITTER = 0.2;
/** Longest that a receiver can put off the next attempt. */
const MAX_RETRY_AFTER = 24 * HOUR;

/** Milliseconds until the next attempt after `tries` of them; undefined after the last. `random` is from 0 to below 1. */
export function retryDelay(tries: number, random: () => number): number | undefined {
  const delay = RETRY_DELAYS[tries - 1];
  return delay === undefined ? undefined : Math.round(delay * (1 + JITTER * (2 * random() - 1)));
}

/** Milliseconds that a `Retry-After` asks for (RFC 9110 §10.2.3), at most a day; undefined where it says nothing. */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * SECOND : Date.parse(header) - now.getTime();
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER) : undefined;
}
