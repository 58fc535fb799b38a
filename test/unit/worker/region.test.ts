import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { STYLE_DIM, STYLES } from '../../../src/contracts.js';
import type { EngineCalls } from '../../../src/engine/protocol.js';
import { renderBlob } from '../../../src/store/blob-keys.js';
import { FileBlobStore } from '../../../src/store/blobs.js';
import type { Engine } from '../../../src/worker/engine-client.js';
import { Latents } from '../../../src/worker/latents.js';
import { render } from '../../../src/worker/render.js';

type Regions = { in: Exclude<EngineCalls['render']['in'], { latent: unknown }> };

const shown = { parts: ['eyes' as const], map: 'm', lambda: 0.25, size: 64, format: 'png' as const };
const job = { kind: 'region', key: 'k', a: 'a', b: 'b', ...shown } as const;

let dir: string;
let blobs: FileBlobStore;
let calls: Regions['in'][];
const engine: Engine = {
  call: async (method, params) => {
    expect(method).toBe('render');
    calls.push(params as Regions['in']);
    return { image: Buffer.from('image') } as never;
  },
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-region-'));
  blobs = new FileBlobStore(dir);
  calls = [];
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    await blobs.put(key, new Uint8Array(new Float32Array(STYLES * STYLE_DIM).fill(value).buffer));
  }
});
afterEach(() => rm(dir, { recursive: true }));

it('leaves the image of a with parts of b in the blob of the job, and draws it once', async () => {
  expect(
    await render({ blobs, engine, latents: new Latents(blobs) }, { ...job, parts: ['eyes'] }),
  ).toBeUndefined();
  await render({ blobs, engine, latents: new Latents(blobs) }, { ...job, parts: ['eyes'] });
  expect((await blobs.get(renderBlob('k')))!.toString()).toBe('image');
  expect(calls).toHaveLength(1);
  const { a, b, ...rest } = calls[0]!;
  expect([a.length, a[0], b[0]]).toEqual([STYLES * STYLE_DIM, 1, 2]);
  expect(rest).toEqual({ ...shown, quality: undefined });
});

it('fails where a latent was deleted', async () => {
  await blobs.delete('b');
  await expect(
    render({ blobs, engine, latents: new Latents(blobs) }, { ...job, parts: ['eyes'] }),
  ).rejects.toMatchObject({
    code: 'EMBEDDING_NOT_FOUND',
  });
});
