import { expect, test } from 'vitest';
import { DeviceClock } from '../../../src/worker/device-clock.js';

test('a job alone has all the time', () => {
  let now = 5;
  const clock = new DeviceClock(() => now);
  now = 10;
  const end = clock.start();
  now = 14;
  expect(end()).toBe(4);
  now = 20;
  const again = clock.start();
  now = 21;
  expect(again()).toBe(1);
});

test('jobs side by side share it, and have all of it together', () => {
  let now = 0;
  const clock = new DeviceClock(() => now);
  const a = clock.start();
  now = 2;
  const b = clock.start();
  now = 6;
  const c = clock.start();
  now = 9;
  // 2 alone, 4 by two, 3 by three.
  expect(a()).toBe(2 + 2 + 1);
  now = 11;
  expect(b()).toBe(2 + 1 + 1);
  now = 12;
  expect(c()).toBe(1 + 1 + 1);
});
