/** What every blob store must do, run against each adapter. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobStore, SweptBlobStore } from '../../src/store/blobs.js';

export interface BlobStoreFixture<Store extends BlobStore = BlobStore> {
  store: Store;
  dispose(): Promise<void>;
}

export function blobStoreSuite(open: () => Promise<BlobStoreFixture>): void {
  let fixture: BlobStoreFixture;
  let store: BlobStore;
  beforeEach(async () => {
    fixture = await open();
    store = fixture.store;
  });
  afterEach(() => fixture.dispose());

  test('gives back the bytes it was given, empty ones and a view of a larger buffer too', async () => {
    const all = Buffer.from([0, 255, 10, 13, 128]);
    await store.put('a/b.bin', all);
    await store.put('a/view', all.subarray(1, 3));
    await store.put('empty', new Uint8Array());
    expect(await store.get('a/b.bin')).toEqual(all);
    expect(await store.get('a/view')).toEqual(Buffer.from([255, 10]));
    expect(await store.get('empty')).toEqual(Buffer.alloc(0));
  });

  test('holds values of megabytes, many of them written and read at the same time', async () => {
    const large = Buffer.alloc(6 * 2 ** 20, 'photo');
    const names = Array.from({ length: 20 }, (_, i) => `a/${i}`);
    await Promise.all([
      store.put('large', large),
      ...names.map((name) => store.put(name, Buffer.from(name))),
    ]);
    expect((await store.get('large'))?.equals(large)).toBe(true);
    expect(await Promise.all(names.map((name) => store.get(name)))).toEqual(
      names.map((name) => Buffer.from(name)),
    );
  });

  test('has nothing under a key that was never put, nor under a folder', async () => {
    await store.put('a/b', Buffer.from('x'));
    expect([await store.get('c'), await store.has('c')]).toEqual([undefined, false]);
    expect([await store.has('a'), await store.has('a/b')]).toEqual([false, true]);
  });

  test('replaces a value as a whole: a reader never sees a mixture', async () => {
    const values = ['1', '2', '3', '4'].map((digit) => Buffer.from(digit.repeat(200_000)));
    await store.put('k', values[0]!);
    const writes = Promise.all(values.map((value) => store.put('k', value)));
    for (let i = 0; i < 20; i++) {
      const seen = await store.get('k');
      expect(values.some((value) => seen?.equals(value))).toBe(true);
    }
    await writes;
  });

  test('deletes one value, and a key that has none', async () => {
    await store.put('a/b', Buffer.from('x'));
    await store.delete('a/b');
    await store.delete('a/b');
    expect(await store.has('a/b')).toBe(false);
  });

  test('deletes everything below a folder and nothing beside it', async () => {
    for (const key of ['a/1', 'a/2/3', 'ab/1']) await store.put(key, Buffer.from('x'));
    await store.deletePrefix('a/');
    await store.deletePrefix('a/');
    expect(await Promise.all(['a/1', 'a/2/3', 'ab/1'].map((key) => store.has(key)))).toEqual([
      false,
      false,
      true,
    ]);
    await expect(store.deletePrefix('ab')).rejects.toThrow(/ends in/);
  });

  test.each(['', '/', '/etc/passwd', '../x', 'a/../x', 'a//b', 'a/', '.hidden', 'a/.b', 'a\\b', 'a\0b'])(
    'refuses the key %j',
    async (key) => {
      await expect(store.put(key, Buffer.from('x'))).rejects.toThrow(/blob key/);
      await expect(store.get(key)).rejects.toThrow(/blob key/);
      await expect(store.has(key)).rejects.toThrow(/blob key/);
      await expect(store.delete(key)).rejects.toThrow(/blob key/);
      await expect(store.deletePrefix(`${key}/`)).rejects.toThrow(/blob key/);
    },
  );
}

/** What every store must do that keeps folders within limits. */
export function sweepSuite(open: () => Promise<BlobStoreFixture<SweptBlobStore>>): void {
  const HOUR = 3_600_000;

  test.each([
    ['nothing within the limits', { maxBytes: 40, maxAge: HOUR }, 4, { deleted: 0, bytes: 40 }],
    ['as many as are beyond the size', { maxBytes: 25, maxAge: HOUR }, 2, { deleted: 2, bytes: 20 }],
    ['all when there is no room', { maxBytes: 9, maxAge: HOUR }, 0, { deleted: 4, bytes: 0 }],
  ])('a sweep deletes %s, and nothing elsewhere', async (_title, limits, count, swept) => {
    const { store, dispose } = await open();
    const names = ['1', '2', '3', '4'].map((name) => `renders/${name}`);
    const others = ['renders/deeper/1', 'rendersalike/1', 'latents/1'];
    for (const key of [...names, ...others]) await store.put(key, Buffer.alloc(10));
    expect(await store.sweep('renders/', limits)).toEqual(swept);
    const left = async (keys: string[]) =>
      (await Promise.all(keys.map((key) => store.has(key)))).filter(Boolean).length;
    expect([await left(names), await left(others)]).toEqual([count, others.length]);
    await dispose();
  });

  test('two sweeps at the same time leave what one would', async () => {
    const { store, dispose } = await open();
    for (let i = 0; i < 6; i++) await store.put(`renders/${i}`, Buffer.alloc(10));
    const sweep = () => store.sweep('renders/', { maxBytes: 0, maxAge: HOUR });
    await Promise.all([sweep(), sweep()]);
    expect(await sweep()).toEqual({ deleted: 0, bytes: 0 });
    await dispose();
  });

  test('a sweep of a folder that is not there finds nothing', async () => {
    const { store, dispose } = await open();
    expect(await store.sweep('renders/', { maxBytes: 1, maxAge: 1 })).toEqual({ deleted: 0, bytes: 0 });
    await expect(store.sweep('renders', { maxBytes: 1, maxAge: 1 })).rejects.toThrow(/ends in/);
    await dispose();
  });
}
