/** How long an embedding is kept: durations of ISO 8601 in days, hours and minutes, whose length does not depend on the calendar. */
import type { Config } from '../config.js';
import { AppError } from '../errors.js';
import { received } from './expected.js';

export const RETENTION = '^(none|P([0-9]{1,4}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,6}M)?)?)$';

/** Seconds. */
const DAY = 86_400;
const LEAST = 60;
const MOST = 3650 * DAY;

/** Seconds of a duration such as P30D, PT12H or P1DT30M; 0 for `none`: it is kept until it is deleted. Throws BAD_REQUEST. */
export function retentionOf(text: string): number {
  const [, whole, days, , hours, minutes] = new RegExp(RETENTION).exec(text) ?? [];
  if (whole === 'none') return 0;
  const [d, h, m] = [days, hours, minutes].map((part) => Number.parseInt(part ?? '0', 10)) as [
    number,
    number,
    number,
  ];
  const seconds = DAY * d + 3_600 * h + 60 * m;
  if (seconds >= LEAST && seconds <= MOST) return seconds;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected a duration from PT1M to P3650D, such as P30D or PT12H, or none for \`retention\` but received ${received(text)}.`,
  });
}

/** Throws BAD_REQUEST for a retention that is longer than the operator allows. */
export function checkRetention(
  seconds: number | undefined,
  { maxRetentionSeconds: most }: Pick<Config, 'maxRetentionSeconds'>,
): void {
  if (most === 0 || seconds === undefined || (seconds > 0 && seconds <= most)) return;
  const given = seconds === 0 ? 'none' : `${seconds} s`;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected at most P${most / DAY}D for \`retention\`, as this service is set, but received ${given}.`,
  });
}

/** When an embedding expires that is created now; undefined: it is kept until it is deleted. */
export function expiryOf(now: Date, seconds: number): string | undefined {
  return seconds === 0 ? undefined : new Date(now.getTime() + 1000 * seconds).toISOString();
}
