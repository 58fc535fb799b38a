import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from '../../../src/webhooks/attempt.js';
import { RETRY_DELAYS, retryAfterMs, retryDelay } from '../../../src/webhooks/retries.js';

const NOW = new Date('2026-01-31T12:00:00Z');
const HOUR = 3_600_000;

test('ten attempts span about three days', () => {
  const hours = RETRY_DELAYS.reduce((sum, ms) => sum + ms, 0) / HOUR;
  expect(RETRY_DELAYS).toHaveLength(9);
  expect(hours).toBeCloseTo(75.6, 1);
  expect(retryDelay(10, () => 0)).toBeUndefined();
});

test('a delay is up to a fifth shorter or longer', () => {
  expect([0, 0.5, 1 - 2 ** -53].map((random) => retryDelay(1, () => random))).toEqual([4_000, 5_000, 6_000]);
  const tries = fc.integer({ min: 1, max: 9 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(tries, random, (count, value) => {
      const share = retryDelay(count, () => value)! / RETRY_DELAYS[count - 1]!;
      expect(share).toBeGreaterThanOrEqual(0.8);
      expect(share).toBeLessThanOrEqual(1.2);
    }),
  );
});

test.each([
  [undefined, undefined],
  ['120', 120_000],
  ['0', undefined],
  ['-5', undefined],
  ['soon', undefined],
  ['999999999', 24 * HOUR],
  ['9'.repeat(400), undefined],
  ['Sat, 31 Jan 2026 12:10:00 GMT', 600_000],
  ['Fri, 30 Jan 2026 12:00:00 GMT', undefined],
  ['Sat, 31 Jan 2099 12:00:00 GMT', 24 * HOUR],
])('Retry-After %s asks for %s ms', (header, ms) => {
  expect(retryAfterMs(header, NOW)).toBe(ms);
});

const judged = (answer: Parameters<typeof judge>[0], tries = 0, failingSince?: string) =>
  judge(
    answer,
    { webhook: { ...(failingSince && { failingSince }) }, delivery: { tries }, sentAt: NOW, ms: 7 },
    { now: () => NOW, random: () => 0.5 },
  );

test('a success is written with its status and time', () => {
  expect(judged({ status: 202 })).toEqual({
    attempt: { at: NOW.toISOString(), ms: 7, status: 202 },
    state: 'succeeded',
  });
});

test('a failure is tried again, and given up after the tenth attempt', () => {
  expect(judged({ failure: 'timed-out' })).toMatchObject({
    state: 'pending',
    nextAttemptAt: NOW.getTime() + 5_000,
  });
  expect(judged({ failure: 'timed-out' }, 8)).toMatchObject({ nextAttemptAt: NOW.getTime() + 24 * HOUR });
  expect(judged({ failure: 'timed-out' }, 9)).toMatchObject({ state: 'failed' });
});

test('Retry-After lengthens a delay and never shortens it; of other statuses it says nothing', () => {
  const failed = { failure: 'status' as const, retryAfter: '60' };
  expect(judged({ ...failed, status: 429 })).toMatchObject({
    nextAttemptAt: NOW.getTime() + 60_000,
    pausedUntil: NOW.getTime() + 60_000,
  });
  expect(judged({ ...failed, status: 503 }, 1)).toMatchObject({ nextAttemptAt: NOW.getTime() + 300_000 });
  expect(judged({ ...failed, status: 500 })).toMatchObject({ nextAttemptAt: NOW.getTime() + 5_000 });
  expect(judged({ ...failed, status: 500 }).pausedUntil).toBeUndefined();
});

test('an endpoint is disabled by a 410 at once, and by failures after five days', () => {
  expect(judged({ status: 410, failure: 'status' })).toMatchObject({ state: 'failed', disable: 'gone' });
  const days = (count: number) => new Date(NOW.getTime() - count * 24 * HOUR).toISOString();
  expect(judged({ failure: 'timed-out' }, 0, days(5))).toMatchObject({
    state: 'pending',
    disable: 'failing',
  });
  expect(judged({ failure: 'timed-out' }, 0, days(4.99)).disable).toBeUndefined();
});
