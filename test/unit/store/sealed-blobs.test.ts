import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileBlobStore } from '../../../src/store/blobs.js';
import { SealedBlobs } from '../../../src/store/sealed-blobs.js';
import { blobStoreSuite } from '../../support/blob-store-suite.js';

describe('the store of sealed blobs', () => {
  describe('is a store', () => {
    blobStoreSuite(async () => {
      const dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
      return {
        store: new SealedBlobs(new FileBlobStore(dir)),
        dispose: () => rm(dir, { recursive: true, force: true }),
      };
    });
  });

  let dir: string;
  let blobs: SealedBlobs;
  let damaged: string[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'latentmorph-blobs-'));
    damaged = [];
    blobs = new SealedBlobs(new FileBlobStore(dir), (key) => damaged.push(key));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  /** The bytes of the file, and what changes them. */
  const file = async (key: string): Promise<Buffer> => readFile(join(dir, key));
  const overwrite = (key: string, bytes: Uint8Array): Promise<void> => writeFile(join(dir, key), bytes);

  test('notices every bit that changed', async () => {
    await blobs.put('embeddings/a/latent.f32', Buffer.from('latent'));
    const whole = await file('embeddings/a/latent.f32');
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const changed = Buffer.from(whole);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await overwrite('embeddings/a/latent.f32', changed);
      await expect(blobs.get('embeddings/a/latent.f32')).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
    }
    expect(damaged).toHaveLength(8 * whole.length);
  });

  test('notices every byte that is missing, and what was added', async () => {
    await blobs.put('embeddings/a/latent.f32', Buffer.from('latent'));
    const whole = await file('embeddings/a/latent.f32');
    const others = [
      ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
      Buffer.concat([whole, Buffer.from('x')]),
      Buffer.concat([whole, whole]),
    ];
    for (const other of others) {
      await overwrite('embeddings/a/latent.f32', other);
      await expect(blobs.get('embeddings/a/latent.f32')).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
    }
  });

  test('takes what can be made again for missing, and deletes it', async () => {
    await blobs.put('renders/a', Buffer.from('image'));
    await overwrite('renders/a', Buffer.from('imagine'));
    expect(await blobs.get('renders/a')).toBeUndefined();
    expect(damaged).toEqual(['renders/a']);
    expect(await blobs.has('renders/a')).toBe(false);
    await blobs.put('renders/a', Buffer.from('image'));
    expect(await blobs.get('renders/a')).toEqual(Buffer.from('image'));
  });
});
