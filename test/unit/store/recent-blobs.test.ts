import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type BlobStore, FileBlobStore } from '../../../src/store/blobs.js';
import { RecentBlobs } from '../../../src/store/recent-blobs.js';
import { blobStoreSuite } from '../../support/blob-store-suite.js';

describe('the store of recent blobs', () => {
  describe('is a store', () => {
    blobStoreSuite(async () => {
      const dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
      const store = new RecentBlobs(new FileBlobStore(dir), { prefix: 'a/' });
      return { store, dispose: () => rm(dir, { recursive: true, force: true }) };
    });
  });

  let reads: string[];
  let values: Map<string, Buffer>;
  let inner: BlobStore;
  beforeEach(() => {
    reads = [];
    values = new Map(['r/1', 'r/2', 'x/1'].map((key) => [key, Buffer.alloc(100, key)]));
    inner = {
      get: async (key) => {
        reads.push(key);
        return values.get(key);
      },
      has: async (key) => values.has(key),
      put: async (key, bytes) => void values.set(key, Buffer.from(bytes)),
      delete: async (key) => void values.delete(key),
      deletePrefix: async () => values.clear(),
    };
  });

  test('reads a blob of its folder once, others each time', async () => {
    const store = new RecentBlobs(inner, { prefix: 'r/' });
    for (const key of ['r/1', 'r/1', 'x/1', 'x/1', 'none', 'none']) {
      expect(await store.get(key)).toEqual(values.get(key));
    }
    expect(reads).toEqual(['r/1', 'x/1', 'x/1', 'none', 'none']);
  });

  test.each([
    ['delete', (store: BlobStore) => store.delete('r/1')],
    ['deletePrefix', (store: BlobStore) => store.deletePrefix('r/')],
  ])('forgets with %s, even what is being read meanwhile', async (_, remove) => {
    const store = new RecentBlobs(inner, { prefix: 'r/' });
    await store.get('r/1');
    await remove(store);
    expect(await store.get('r/1')).toBeUndefined();

    values.set('r/1', Buffer.from('late'));
    let answer = (_: Buffer): void => undefined;
    inner.get = () =>
      new Promise<Buffer>((resolve) => {
        answer = resolve;
      });
    const reading = store.get('r/1');
    await remove(store);
    answer(Buffer.from('late'));
    await reading;
    inner.get = async () => undefined;
    expect(await store.get('r/1')).toBeUndefined();
  });

  test('serves a new value after a put', async () => {
    const store = new RecentBlobs(inner, { prefix: 'r/' });
    await store.get('r/1');
    await store.put('r/1', Buffer.from('new'));
    expect(`${await store.get('r/1')}`).toBe('new');
  });

  test('holds no more bytes than it may and none for more than a minute', async () => {
    let now = 1_000;
    const small = { prefix: 'r/', maxBytes: 1_650, clock: { now: () => now } };
    const store = new RecentBlobs(inner, small);
    for (let i = 0; i < 20; i++) values.set(`r/${i}`, Buffer.alloc(100));
    values.set('r/large', Buffer.alloc(104));
    for (let i = 0; i < 20; i++) await store.get(`r/${i}`);
    const again = async (key: string): Promise<boolean> => {
      reads = [];
      await store.get(key);
      return reads.length > 0;
    };
    expect([await again('r/19'), await again('r/4'), await again('r/3')]).toEqual([false, false, true]);
    expect([await again('r/large'), await again('r/large')]).toEqual([true, true]);
    now += 61_000;
    expect(await again('r/19')).toBe(true);
  });

  test('fails as the store below fails', async () => {
    inner.get = vi.fn().mockRejectedValue(new Error('disk'));
    await expect(new RecentBlobs(inner, { prefix: 'r/' }).get('r/1')).rejects.toThrow('disk');
  });
});
