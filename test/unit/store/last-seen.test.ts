import { beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.js';
import { LastSeen } from '../../../src/store/last-seen.js';

interface Value {
  text: string;
  isFinal: boolean;
}

let now: number;
let seen: LastSeen<Value>;
beforeEach(() => {
  now = 1;
  seen = new LastSeen<Value>(({ isFinal }) => isFinal, { now: () => now });
});

const finds = (text: string, isFinal = true) => seen.through('key', async () => ({ text, isFinal }));
const failsWith = (error: Error, key = 'key') => seen.through(key, () => Promise.reject(error));
const away = new AppError('UNAVAILABLE', { detail: 'Away.' });

test('an outage is answered with what was found at last', async () => {
  await finds('old');
  await finds('new');
  expect(await failsWith(away)).toEqual({ text: 'new', isFinal: true });
});

test('what was never found, is not final or is ten minutes old stands in for nothing', async () => {
  await expect(failsWith(away)).rejects.toBe(away);
  await finds('first');
  await finds('running', false);
  await expect(failsWith(away)).rejects.toBe(away);
  await finds('again');
  await expect(failsWith(away, 'another key')).rejects.toBe(away);
  now += 10 * 60_000 + 1;
  await expect(failsWith(away)).rejects.toBe(away);
});

test('any other error is thrown', async () => {
  await finds('value');
  const wrong = new Error('wrong command');
  await expect(failsWith(wrong)).rejects.toBe(wrong);
});
