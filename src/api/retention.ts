/** How long an embedding is kept: durations of ISO 8601 in days, hours and minutes, whose length does not depend on the calendar. */
import { AppError } from '../errors.js';
import { received } from './expected.js';

export const DURATION = '^P([0-9]{1,4}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,6}M)?)?$';

/** Seconds. */
const LEAST = 60;
const MOST = 3650 * 86_400;

/** Seconds of a duration such as P30D, PT12H or P1DT30M. Throws BAD_REQUEST. */
export function retentionOf(text: string): number {
  const [, days, , hours, minutes] = new RegExp(DURATION).exec(text) ?? [];
  const [d, h, m] = [days, hours, minutes].map((part) => Number.parseInt(part ?? '0', 10)) as [
    number,
    number,
    number,
  ];
  const seconds = 86_400 * d + 3_600 * h + 60 * m;
  if (seconds >= LEAST && seconds <= MOST) return seconds;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected a duration from PT1M to P3650D, such as P30D or PT12H, for \`retention\` but received ${received(text)}.`,
  });
}

/** When an embedding expires that is created now; undefined: it is kept until it is deleted. */
export function expiryOf(now: Date, seconds: number): string | undefined {
  return seconds === 0 ? undefined : new Date(now.getTime() + 1000 * seconds).toISOString();
}
