import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileBlobStore } from '../../../src/store/blobs.js';
import { blobStoreSuite } from '../../support/blob-store-suite.js';

const open = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
  return { dir, store: new FileBlobStore(dir), dispose: () => rm(dir, { recursive: true, force: true }) };
};

describe('the file blob store', () => {
  blobStoreSuite(open);

  test('answers UNAVAILABLE when it cannot write, and leaves no temporary file', async () => {
    const { dir, store, dispose } = await open();
    await writeFile(join(dir, 'a'), 'a file where a folder should be');
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await store.put('c/d', Buffer.from('x'));
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['a', 'c', 'c/d']);
    await dispose();
  });
});
