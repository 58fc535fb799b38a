import { expect, test, vi } from 'vitest';
import { startUpkeep } from '../../../src/worker/upkeep.js';

const deferred = () => {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

test('does each chore at once and again, in spite of failures', async () => {
  let rounds = 0;
  const warn = vi.fn();
  const run = async () => {
    if (++rounds === 1) throw new Error('not now');
  };
  const end = startUpkeep([{ name: 'sweep', everyMs: 1, run }], { warn });
  await expect.poll(() => rounds).toBeGreaterThan(2);
  await end();
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]![0]).toMatchObject({ chore: 'sweep', err: new Error('not now') });
});

test('ending waits for the chore under way, tells it, and begins no other', async () => {
  const { promise, resolve } = deferred();
  const warn = vi.fn();
  let rounds = 0;
  let told = false;
  const run = async (signal: AbortSignal) => {
    rounds++;
    signal.addEventListener('abort', () => {
      told = true;
    });
    await promise;
  };
  const ended = startUpkeep([{ name: 'slow', everyMs: 1, run }], { warn })();
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await new Promise((done) => setTimeout(done, 20));
  expect([told, isOver]).toEqual([true, false]);
  resolve();
  await ended;
  expect(rounds).toBe(1);
  expect(warn).not.toHaveBeenCalled();
});

test('ending does not wait for the next round', async () => {
  const end = startUpkeep([{ name: 'rare', everyMs: 3_600_000, run: async () => undefined }], {
    warn: vi.fn(),
  });
  await end();
});
