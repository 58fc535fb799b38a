/** The built service as a user runs it: `npm start` on real photographs with the real models, few steps. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort, redisReady } from '../../src/cli/embedded-redis.js';
import type { EmbeddingState } from '../../src/contracts.js';
import type { Rgb8 } from '../../src/images/tensors.js';
import { sniffPhoto, upright } from '../../src/images.js';
import { photoWithoutFace, portrait } from '../support/portraits.js';
import { Command } from '../support/service-process.js';

const STEPS = 6;

interface Embedding {
  id: string;
  state: EmbeddingState;
  progress?: { step: number; steps: number; loss: number };
  losses?: number[];
  faces?: { selected: boolean }[];
  quality?: { lpips: number; loss: number };
  error?: { code: string };
  links: Record<string, string>;
}

describe('the service', () => {
  let dataDir: string;
  let url: string;
  let service: Command;
  const ids: string[] = [];

  const start = async (): Promise<void> => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    service = new Command('latentmorph', ['serve'], {
      PORT: String(port),
      LATENTMORPH_DATA: dataDir,
      LATENTMORPH_BATCH: '2',
    });
    await service.says(/ready after/);
  };
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'latentmorph-e2e-'));
    await start();
  });
  afterAll(async () => {
    await service?.clear();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Address of the embedded Redis: its process hides the environment by which the others are found. */
  const redisUrl = async (): Promise<string> =>
    JSON.parse(await readFile(join(dataDir, 'redis', 'server.json'), 'utf8')).url;
  const get = (path: string): Promise<Response> => fetch(url + path);
  const bytesOf = async (response: Response): Promise<Uint8Array> =>
    new Uint8Array(await response.arrayBuffer());
  const post = (photos: readonly Uint8Array[], fields: Record<string, string> = {}): Promise<Response> => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    for (const photo of photos) form.append('image', new Blob([Uint8Array.from(photo)]), 'photo');
    return fetch(`${url}/embeddings`, { method: 'POST', body: form });
  };
  const embedding = async (id: string): Promise<Embedding> =>
    (await (await get(`/embeddings/${id}`)).json()) as Embedding;
  const until = async (id: string, done: (now: Embedding) => boolean): Promise<Embedding> => {
    for (;;) {
      const now = await embedding(id);
      if (done(now)) return now;
      if (now.state === 'failed') throw new Error(`${id} failed: ${JSON.stringify(now.error)}`);
      await sleep(200);
    }
  };
  const finished = (id: string): Promise<Embedding> => until(id, ({ state }) => state === 'succeeded');

  it('answers its probes, its description and its documentation', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.yaml', '/docs/']) {
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    }
    const { workers } = (await (await get('/readyz')).json()) as { workers: object[] };
    expect(workers).toMatchObject([{ batch: { size: 2, why: 'set' } }]);
  });

  it('embeds two portraits posted together', async () => {
    const response = await post([await portrait('obama'), await portrait('biden')], {
      steps: `${STEPS}`,
      learningRate: '0.02',
    });
    expect(response.status).toBe(202);
    const { embeddings } = (await response.json()) as { embeddings: Embedding[] };
    ids.push(...embeddings.map(({ id }) => id));
    expect(ids).toHaveLength(2);

    const morph = await get(`/morph?a=${ids[0]}&b=${ids[1]}`);
    expect(morph.status).toBe(409);
    expect(await morph.json()).toMatchObject({ code: 'EMBEDDING_NOT_READY' });

    for (const done of [await finished(ids[0]!), await finished(ids[1]!)]) {
      expect(done.progress).toMatchObject({ step: STEPS, steps: STEPS });
      expect(done.losses).toHaveLength(STEPS);
      expect(done.quality!.loss).toBeLessThan(done.losses![0]!);
      expect(done.quality!.lpips).toBeLessThan(0.7);
      expect(done.faces!.filter(({ selected }) => selected)).toHaveLength(1);
    }
  });

  it('serves the images of an embedding', async () => {
    for (const [kind, size] of [
      ['aligned', 1024],
      ['reconstruction', 1024],
      ['preview', 256],
    ] as const) {
      const image = await bytesOf(await get(`/embeddings/${ids[0]}/image?kind=${kind}`));
      expect([kind, await sniffPhoto(image)]).toMatchObject([kind, { width: size, height: size }]);
    }
  });

  it('morphs in every mode, and answers the same bytes when asked again', async () => {
    const seen = new Set<string>();
    for (const mode of ['linear', 'style', 'attribute', 'pn']) {
      const path = `/morph?a=${ids[0]}&b=${ids[1]}&mode=${mode}&size=512&format=png`;
      const first = await get(path);
      expect([mode, first.status, first.headers.get('content-type')]).toEqual([mode, 200, 'image/png']);
      const image = await bytesOf(first);
      expect(await sniffPhoto(image)).toMatchObject({ format: 'png', width: 512, height: 512 });
      const again = await get(path);
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(Buffer.compare(image, await bytesOf(again))).toBe(0);
      seen.add(Buffer.from(image).toString('base64'));
    }
    expect(seen.size).toBe(4);
  });

  it('animates with the very images that it morphs, at an even pace too', async () => {
    const path = `/morph/animation?a=${ids[0]}&b=${ids[1]}&frames=4&size=96&quality=70`;
    const bytes = Buffer.from(await bytesOf(await get(path)));
    expect(await sharp(bytes).metadata()).toMatchObject({ pages: 4, width: 96, height: 96 });
    const still = await get(`/morph?a=${ids[0]}&b=${ids[1]}&lambda=0.6667&size=96&format=webp&quality=70`);
    // Head of the file and of its one chunk: the rest is the picture.
    expect(bytes.includes(Buffer.from(await bytesOf(still)).subarray(20))).toBe(true);

    const even = await get(`${path}&pacing=even&format=gif`);
    expect([even.status, even.headers.get('content-type')]).toEqual([200, 'image/gif']);
    expect(Buffer.from(await bytesOf(even)).toString('latin1', 0, 6)).toBe('GIF89a');
  });

  it('mixes by JSON: the mean of two is the morph half way, and a style of its own is not', async () => {
    const mix = async (latents: object[]) => {
      const response = await fetch(`${url}/morph`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'image/avif' },
        body: JSON.stringify({ latents, size: 64 }),
      });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/avif']);
      return bytesOf(response);
    };
    const [a, b] = ids as [string, string];
    const mean = await mix([{ id: a }, { id: b }]);
    expect(await sniffPhoto(mean)).toMatchObject({ format: 'avif', width: 64, height: 64 });
    const half = await bytesOf(await get(`/morph?a=${a}&b=${b}&lambda=0.5&size=64&format=avif`));
    expect(Buffer.compare(mean, half)).toBe(0);
    const only = (style: number) => Array.from({ length: 16 }, (_, i) => Number(i === style));
    const other = await mix([
      { id: a, weights: only(3).map((x) => 1 - x) },
      { id: b, weights: only(3) },
    ]);
    expect(
      Buffer.compare(other, await bytesOf(await get(`/morph?a=${a}&b=${b}&lambda=1&size=64&format=avif`))),
    ).not.toBe(0);
  });

  it('draws a reconstruction and a morph into the photo, and leaves the rest of it as it was', async () => {
    const pixelsOf = async (path: string): Promise<Rgb8> => {
      const response = await get(path);
      expect([path, response.status]).toEqual([path, 200]);
      return upright(await bytesOf(response));
    };
    const photo = await pixelsOf(`/embeddings/${ids[0]}/image?kind=original`);
    for (const path of [
      `/embeddings/${ids[0]}/image?kind=reconstruction&placement=original&format=png`,
      `/morph?a=${ids[0]}&b=${ids[1]}&placement=original&format=png`,
      `/morph?a=${ids[1]}&b=${ids[0]}&placement=original&into=b&format=png`,
    ]) {
      const placed = await pixelsOf(path);
      expect([placed.width, placed.height]).toEqual([photo.width, photo.height]);
      const changed = placed.data.filter((value, i) => value !== photo.data[i]).length / photo.data.length;
      expect(changed).toBeGreaterThan(0.02);
      expect(changed).toBeLessThan(0.2);
    }
    const small = await sniffPhoto(
      await bytesOf(await get(`/morph?a=${ids[0]}&b=${ids[1]}&placement=original&size=300`)),
    );
    expect(Math.max(small.width, small.height)).toBe(300);
  });

  it('shows many morphs in one labelled picture', async () => {
    const response = await get(
      `/morph/grid?a=${ids[0]}&b=${ids[1]}&columns=2&cell=64&rows=crossovers&format=webp`,
    );
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/webp']);
    const { width, height } = await sniffPhoto(await bytesOf(response));
    expect(width).toBeGreaterThan(2 * 64);
    expect(height).toBeGreaterThan(3 * 64);
  });

  it('measures how smooth a morph is, once for both directions', async () => {
    const path = (a: string, b: string) => `/morph/smoothness?a=${a}&b=${b}&mode=style`;
    const first = await get(path(ids[0]!, ids[1]!));
    expect(first.status).toBe(200);
    const measured = (await first.json()) as { ppl: number };
    expect(measured).toMatchObject({ samples: 8, epsilon: 1e-4, mode: 'style', crossover: 8 });
    expect(measured.ppl).toBeGreaterThan(0);
    const back = await get(path(ids[1]!, ids[0]!));
    expect(back.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await back.json()).toEqual(measured);
  });

  it.each([
    ['text', () => Buffer.from('not a photo'), 415, 'IMAGE_UNSUPPORTED'],
    ['a file of no bytes', () => Buffer.alloc(0), 400, 'IMAGE_MISSING'],
    ['half a photo', async () => (await portrait('biden')).subarray(0, 9_000), 422, 'IMAGE_UNREADABLE'],
    ['a photo without a face', photoWithoutFace, 422, 'FACE_NOT_FOUND'],
  ])('refuses %s', async (_, photo, status, code) => {
    const response = await post([await photo()]);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status,
      body: { code },
    });
  });

  it.each([
    ['/embeddings/emb_aaaaaaaaaaaaaaaaaaaa', 404],
    ['/morph?a=A&b=B', 404],
    ['/morph?a=A&b=B&lambda=1.5', 400],
    ['/morph?a=A&b=B&mode=sideways', 400],
    ['/morph?a=A&b=B&mode=style&crossover=16', 400],
    ['/nothing', 404],
  ])('refuses GET %s', async (path, status) => {
    const response = await get(path);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(response.status).toBe(status);
  });

  it('forgets a deleted embedding and the morphs made from it', async () => {
    const doomed = ids[1]!;
    expect((await fetch(`${url}/embeddings/${doomed}`, { method: 'DELETE' })).status).toBe(204);
    expect((await get(`/embeddings/${doomed}`)).status).toBe(404);
    expect((await get(`/morph?a=${ids[0]}&b=${doomed}&size=512&format=png`)).status).toBe(404);
  });

  it('survives the loss of an engine in the middle of an embedding', async () => {
    const response = await post([await portrait('biden')], { steps: '12' });
    const { id } = (await response.json()) as Embedding;
    await until(id, ({ progress }) => progress !== undefined);
    const engines = (await service.processes()).filter(({ command }) => command.includes('engine/main.js'));
    expect(engines).toHaveLength(2);
    for (const { pid } of engines) process.kill(pid, 'SIGKILL');
    expect((await finished(id)).progress).toMatchObject({ step: 12 });
    expect(service.output.match(/engine lost/g)).toHaveLength(2);
  });

  it('says who is in the way when port or data directory is taken', async () => {
    const samePort = new Command('latentmorph', ['serve'], {
      PORT: new URL(url).port,
      LATENTMORPH_DATA: tmpdir(),
    });
    expect(await samePort.exited).toBe(1);
    expect(samePort.output).toMatch(/Port \d+ of 127\.0\.0\.1 is taken by another program/);
    const sameData = new Command('latentmorph', ['serve'], {
      PORT: String(await freePort()),
      LATENTMORPH_DATA: dataDir,
    });
    expect(await sameData.exited).toBe(1);
    expect(sameData.output).toMatch(/in use by another service \(process \d+\)/);
  });

  it('stops on SIGTERM with a job under way, leaves no process, and goes on with the job when started again', async () => {
    const response = await post([await portrait('obama')], { steps: '12' });
    const { id } = (await response.json()) as Embedding;
    await until(id, ({ progress }) => progress !== undefined);
    const redis = await redisUrl();
    service.signal('SIGTERM');
    expect(await service.exited).toBe(0);
    expect(await service.processes()).toEqual([]);
    await expect(redisReady(redis, 500)).rejects.toMatchObject({ code: 'UNAVAILABLE' });

    await start();
    expect((await embedding(ids[0]!)).state).toBe('succeeded');
    expect((await finished(id)).losses).toHaveLength(12);
  });

  it('leaves no process even when it is killed', async () => {
    const redis = await redisUrl();
    service.signal('SIGKILL');
    await service.exited;
    await vi.waitFor(async () => expect(await service.processes()).toEqual([]), { timeout: 10_000 });
    await expect(redisReady(redis, 500)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
