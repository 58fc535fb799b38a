/** What every blob store must do, run against each adapter. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../../src/store/blobs.js';

export interface BlobStoreFixture {
  store: BlobStore;
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
      await expect(store.delete(key)).rejects.toThrow(/blob key/);
    },
  );
}
