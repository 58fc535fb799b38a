/** Jobs that leave a blob for a request which may have gone: what they do when it has. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineCalls, EngineMethod } from '../../../src/engine/protocol.js';
import { FileBlobStore } from '../../../src/store/blobs.js';
import type { Engine } from '../../../src/worker/engine-client.js';
import { Latents } from '../../../src/worker/latents.js';
import { lookAtFaces } from '../../../src/worker/look-at-faces.js';
import { MAX_PN, reconstruct } from '../../../src/worker/reconstruct.js';

let dir: string;
let blobs: FileBlobStore;
let calls: EngineMethod[];
let mean: number;
/** Happens while the engine works. */
let meanwhile: () => Promise<void>;

const seen = { width: 3, height: 2, faces: [] };
const engine: Engine = {
  call: async <M extends EngineMethod>(method: M): Promise<EngineCalls[M]['out']> => {
    calls.push(method);
    await meanwhile();
    const answers = { faces: seen, norms: { mean, max: mean }, render: { image: Uint8Array.of(7) } };
    return answers[method as keyof typeof answers] as EngineCalls[M]['out'];
  },
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-sent-'));
  blobs = new FileBlobStore(dir);
  calls = [];
  mean = 1;
  meanwhile = async () => undefined;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a look at the faces of a photo', () => {
  const job = { kind: 'faces' as const, blob: 'looked-at/a.jpg', result: 'looked-at/a.json' };
  const look = () => lookAtFaces({ blobs, engine }, job);

  it('leaves what it saw', async () => {
    await blobs.put(job.blob, Uint8Array.of(1));
    await look();
    expect(JSON.parse(String(await blobs.get(job.result)))).toEqual(seen);
  });

  it('leaves nothing when the photo is deleted before or meanwhile', async () => {
    await expect(look()).rejects.toMatchObject({ code: 'BUSY' });
    await blobs.put(job.blob, Uint8Array.of(1));
    meanwhile = () => blobs.delete(job.blob);
    await look();
    expect(await blobs.has(job.result)).toBe(false);
  });
});

describe('the image of a latent that was sent', () => {
  const job = {
    kind: 'reconstruct' as const,
    latent: 'embeddings/e/latent.f32',
    image: 'embeddings/e/r.png',
  };
  const draw = () => reconstruct({ blobs, engine, latents: new Latents(blobs) }, job);
  beforeEach(() => blobs.put(job.latent, Buffer.alloc(4 * 16 * 512)));

  it('is left', async () => {
    await draw();
    expect(await blobs.get(job.image)).toEqual(Buffer.of(7));
  });

  it('is taken back when the latent is deleted meanwhile', async () => {
    meanwhile = () => blobs.delete(job.latent);
    await draw();
    expect(await blobs.has(job.image)).toBe(false);
  });

  it('is not drawn of one that lies far away, or nowhere', async () => {
    mean = MAX_PN;
    await draw();
    for (mean of [MAX_PN + 1, Number.NaN, Number.POSITIVE_INFINITY])
      await expect(draw()).rejects.toMatchObject({ code: 'LATENT_INVALID', status: 422 });
    expect(calls.filter((method) => method === 'render')).toHaveLength(1);
  });
});
