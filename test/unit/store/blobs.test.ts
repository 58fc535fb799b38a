import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileBlobStore } from '../../../src/store/blobs.js';
import { blobStoreSuite, sweepSuite } from '../../support/blob-store-suite.js';

const open = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
  return { dir, store: new FileBlobStore(dir), dispose: () => rm(dir, { recursive: true, force: true }) };
};

describe('the file blob store', () => {
  blobStoreSuite(open);
  sweepSuite(open);

  test('deletes a folder that somebody still writes to', async () => {
    const { store, dispose } = await open();
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 5; i++) await store.put(`a/1/${i}`, Buffer.from('x'));
      let isDone = false;
      const writing = (async () => {
        while (!isDone) await store.put('a/1/preview', Buffer.from('x')).catch(() => undefined);
      })();
      await store.deletePrefix('a/').finally(() => {
        isDone = true;
      });
      await writing;
    }
    await dispose();
  });

  test('answers UNAVAILABLE when it cannot write, and leaves no temporary file', async () => {
    const { dir, store, dispose } = await open();
    await writeFile(join(dir, 'a'), 'a file where a folder should be');
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await store.put('c/d', Buffer.from('x'));
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['a', 'c', 'c/d']);
    await dispose();
  });

  describe('a sweep', () => {
    /** Blobs of ten bytes in `renders/`, each as old as its name says in minutes, and one elsewhere. */
    const filled = async () => {
      const opened = await open();
      for (const minutes of [1, 2, 3, 4]) {
        await opened.store.put(`renders/${minutes}`, Buffer.alloc(10));
        const then = new Date(Date.now() - minutes * 60_000);
        await utimes(join(opened.dir, 'renders', String(minutes)), then, then);
      }
      await opened.store.put('latents/x', Buffer.alloc(10));
      const left = async () =>
        (await readdir(opened.dir, { recursive: true })).filter((name) => /.\/./.test(name)).sort();
      return { ...opened, left };
    };

    test.each([
      [
        'nothing within the limits',
        { maxBytes: 40, maxAge: 300_000 },
        ['1', '2', '3', '4'],
        { deleted: 0, bytes: 40 },
      ],
      ['what is too old', { maxBytes: 40, maxAge: 150_000 }, ['1', '2'], { deleted: 2, bytes: 20 }],
      [
        'the oldest beyond the size',
        { maxBytes: 35, maxAge: 300_000 },
        ['1', '2', '3'],
        { deleted: 1, bytes: 30 },
      ],
      ['all when there is no room', { maxBytes: 9, maxAge: 300_000 }, [], { deleted: 4, bytes: 0 }],
    ])('deletes %s, and nothing of other folders', async (_title, limits, names, swept) => {
      const { store, left, dispose } = await filled();
      expect(await store.sweep('renders/', limits)).toEqual(swept);
      expect(await left()).toEqual(['latents/x', ...names.map((name) => `renders/${name}`)]);
      await dispose();
    });
  });
});
