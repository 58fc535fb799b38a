import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { STYLE_DIM, STYLES } from '../../../src/contracts.js';
import type { EngineCalls } from '../../../src/engine/protocol.js';
import { EPSILON, SAMPLES } from '../../../src/models/metrics/ppl.js';
import { renderBlob } from '../../../src/store/blob-keys.js';
import { FileBlobStore } from '../../../src/store/blobs.js';
import type { Engine } from '../../../src/worker/engine-client.js';
import { Latents } from '../../../src/worker/latents.js';
import { render } from '../../../src/worker/render.js';

type PathDistance = EngineCalls['pathDistance'];

const job = { kind: 'smoothness', key: 'k', a: 'a', b: 'b', mode: 'style', crossover: 3 } as const;

let dir: string;
let blobs: FileBlobStore;
let latents: Latents;
let calls: PathDistance['in'][];
const engine: Engine = {
  call: async (method, params) => {
    expect(method).toBe('pathDistance');
    calls.push(params as PathDistance['in']);
    return { squared: 5 * EPSILON ** 2 } as never;
  },
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-smoothness-'));
  blobs = new FileBlobStore(dir);
  latents = new Latents(blobs);
  calls = [];
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    await blobs.put(key, new Uint8Array(new Float32Array(STYLES * STYLE_DIM).fill(value).buffer));
  }
});
afterEach(() => rm(dir, { recursive: true }));

it('asks for one step of the morph at a time and leaves the mean in the blob of the job', async () => {
  expect(await render({ blobs, engine, latents }, job)).toBeUndefined();
  const measured: unknown = JSON.parse((await blobs.get(renderBlob('k')))!.toString());
  expect(measured).toEqual({ ppl: 5, samples: SAMPLES, epsilon: EPSILON });
  expect(calls).toHaveLength(SAMPLES);
  for (const { a, b, mode, crossover, from, to } of calls) {
    expect([a[0], b[0], mode, crossover]).toEqual([1, 2, 'style', 3]);
    expect(to - from).toBeCloseTo(EPSILON, 12);
  }
});

it('measures nothing twice', async () => {
  await blobs.put(renderBlob('k'), Buffer.from('{}'));
  await render({ blobs, engine, latents }, job);
  expect(calls).toEqual([]);
});

it('fails where a latent was deleted', async () => {
  await blobs.delete('b');
  await expect(render({ blobs, engine, latents }, job)).rejects.toMatchObject({
    code: 'EMBEDDING_NOT_FOUND',
  });
});
