import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.js';
import { outOfReach } from '../../../src/store/blob-checks.js';
import { DiskRoom } from '../../../src/store/disk-room.js';

const FILES = { blobs: { kind: 'files' as const }, dataDir: '/', diskFreeBytes: 1000 };

const nothing = async (): Promise<number> => 0;

describe('the room on a disk', () => {
  test('is that of the real file system', async () => {
    const bytes = await new DiskRoom(FILES).freeBytes();
    expect(bytes).toBeGreaterThan(0);
    expect(await new DiskRoom({ ...FILES, diskFreeBytes: bytes! * 100 }).isLow()).toBe(true);
  });

  test('is looked at once in two seconds, however many ask', async () => {
    let [looks, now] = [0, 0];
    const free = async (): Promise<number> => ++looks;
    const room = new DiskRoom(FILES, { free, clock: { now: () => now } });
    await Promise.all(Array.from({ length: 50 }, () => room.freeBytes()));
    now = 1_999;
    expect(await room.freeBytes()).toBe(1);
    now = 2_000;
    expect(await room.freeBytes()).toBe(2);
  });

  test('is low below the limit', async () => {
    const room = (bytes: number): DiskRoom => new DiskRoom(FILES, { free: async () => bytes });
    await expect(room(1000).check()).resolves.toBeUndefined();
    await expect(room(999).check()).rejects.toMatchObject({ code: 'STORAGE_LOW', retryAfter: 60 });
  });

  test.each([
    ['without a limit', { ...FILES, diskFreeBytes: 0 }, nothing],
    [
      'of a bucket',
      {
        ...FILES,
        blobs: { kind: 's3' as const, bucket: 'b', prefix: '', endpoint: undefined, region: 'r' },
      },
      nothing,
    ],
    ['that cannot be looked at', FILES, (): Promise<number> => Promise.reject(new Error('ENOENT'))],
  ])('is never low %s', async (_, config, free) => {
    expect(await new DiskRoom(config, { free }).isLow()).toBe(false);
  });
});

test.each([
  ['ENOSPC', 'STORAGE_LOW'],
  ['EDQUOT', 'STORAGE_LOW'],
  ['EROFS', 'UNAVAILABLE'],
])('a disk that answers %s is %s', (code, expected) => {
  let thrown: unknown;
  try {
    outOfReach(Object.assign(new Error('x'), { code }));
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(AppError);
  expect((thrown as AppError).code).toBe(expected);
});
