/** `POST /faces` and latents through the API, Redis, a worker's jobs and the real engine, on real photographs. */
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { LATENT_FORMATS } from '../../src/latent-files/latent-file.js';
import type { ModelManifest } from '../../src/models/manifest.js';
import { RENDERS } from '../../src/store/blob-keys.js';
import { storeFinished, type TestApp } from '../support/app.js';
import { type EngineApp, startEngineApp } from '../support/engine-app.js';
import { samplePhoto } from '../support/photos.js';
import { photoWithoutFace, portrait } from '../support/portraits.js';

let app: EngineApp;
let service: TestApp;
let manifest: ModelManifest;

beforeAll(async () => {
  app = await startEngineApp();
  ({ service, manifest } = app);
});
afterAll(() => app?.close());

function form(field: string, bytes: Uint8Array, fields: Record<string, string> = {}): FormData {
  const data = new FormData();
  data.append(field, new Blob([Uint8Array.from(bytes)]), field);
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

interface Found {
  width: number;
  height: number;
  faces: {
    index: number;
    box: { x: number; width: number; height: number };
    angle: { roll: number; yaw: number; pitch: number };
    sharpness: number;
    size: number;
    fit: boolean;
    reasons: { code: string; text: string }[];
  }[];
}

async function look(photo: Uint8Array): Promise<Found> {
  const answer = await service.post(form('image', photo), {}, '/faces');
  expect(answer.statusCode).toBe(200);
  expect(await service.blobFiles()).toEqual([]);
  return answer.json();
}

describe('POST /faces', () => {
  it('finds a frontal portrait fit', async () => {
    const { faces } = await look(await portrait('obama'));
    expect(faces).toHaveLength(1);
    expect(faces[0]).toMatchObject({ index: 0, fit: true, reasons: [] });
    const { angle, size, sharpness } = faces[0]!;
    for (const degrees of Object.values(angle)) expect(Math.abs(degrees)).toBeLessThan(15);
    expect(size).toBeGreaterThan(256);
    expect(sharpness).toBeGreaterThan(0.12);
  });

  it('finds the same portrait unfit when it is reduced, and says why', async () => {
    const small = await sharp(await portrait('obama'))
      .resize(240)
      .jpeg()
      .toBuffer();
    const { faces } = await look(small);
    expect(faces[0]!.fit).toBe(false);
    const { text } = faces[0]!.reasons.find(({ code }) => code === 'TINY')!;
    expect(text).toContain(`${faces[0]!.size.toFixed(0)} px`);
  });

  it('lists everybody in a group, the largest first, profile and looks down told apart', async () => {
    const { faces, width } = await look(await samplePhoto(2));
    expect(width).toBe(1920);
    expect(faces.map(({ index }) => index)).toEqual([0, 1, 2]);
    const areas = faces.map(({ box }) => box.width * box.height);
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    const [profile, down] = faces.toSorted((a, b) => a.box.x - b.box.x);
    expect(profile!.reasons.map(({ code }) => code)).toContain('PROFILE');
    expect(Math.abs(profile!.angle.yaw)).toBeGreaterThan(60);
    expect(down!.angle.pitch).toBeLessThan(-20);
    expect(Math.abs(down!.angle.yaw)).toBeLessThan(15);
  });

  it('answers a photo without a face with an empty list', async () => {
    expect((await look(await photoWithoutFace())).faces).toEqual([]);
  });
});

describe('a latent', () => {
  const { styles, styleDim } = { styles: 16, styleDim: 512 };
  /** Near the average latent, as embeddings are. */
  const sample = (scale: number): Float32Array =>
    Float32Array.from(
      { length: styles * styleDim },
      (_, i) => manifest.averageLatent[i % styleDim]! * scale + 0.05 * Math.sin(i * scale),
    );

  async function store(values: Float32Array): Promise<EmbeddingRecord> {
    const { name, hash } = manifest.generator;
    const latentHash = randomBytes(32).toString('hex');
    const record = await storeFinished(service, { generator: { name, hash }, latentHash });
    await service.deps.blobs.put(record.blobs.latent!, new Uint8Array(values.buffer));
    return record;
  }

  const post = async (file: Uint8Array) => {
    const { name, hash } = manifest.generator;
    return service.post(form('latent', file, { generator: `${name}:${hash}` }));
  };
  const morph = async (a: string, b: string): Promise<Buffer> => {
    const answer = await service.app.inject(`/morph?a=${a}&b=${b}&lambda=0.4&mode=style&size=256&format=png`);
    expect(answer.statusCode).toBe(200);
    return answer.rawPayload;
  };

  it.each(LATENT_FORMATS)('comes back from an export as %s and morphs to the same bytes', async (format) => {
    const [a, b] = [await store(sample(1)), await store(sample(-0.8))];
    const expected = await morph(a.id, b.id);
    const copies: string[] = [];
    for (const { id } of [a, b]) {
      const file = await service.app.inject(`/embeddings/${id}/latent?format=${format}`);
      const answer = await post(file.rawPayload);
      expect(answer.json()).toMatchObject({ state: 'succeeded', imported: true });
      copies.push(answer.json().id);
    }
    const latentOf = async (id: string) =>
      service.deps.blobs.get((await service.deps.records.get(id))!.blobs.latent!);
    expect(await latentOf(copies[0]!)).toEqual(await latentOf(a.id));
    // The copies have other hashes than these records, so that nothing comes out of the cache; nor may it from before.
    await service.deps.blobs.deletePrefix(RENDERS);
    expect((await morph(copies[0]!, copies[1]!)).equals(expected)).toBe(true);
    const image = await service.app.inject(`/embeddings/${copies[0]}/image?kind=reconstruction`);
    expect(await sharp(image.rawPayload).metadata()).toMatchObject({
      format: 'png',
      width: 1024,
      height: 1024,
    });
  });

  it('is refused when it is of another scale than any latent', async () => {
    const values = Float32Array.from({ length: styles * styleDim }, (_, i) => (i * 97) % 256);
    const record = await store(values);
    const file = await service.app.inject(`/embeddings/${record.id}/latent`);
    const before = await service.blobFiles();
    const answer = await post(file.rawPayload);
    expect(answer.json()).toMatchObject({ status: 422, code: 'LATENT_INVALID' });
    expect(answer.json().detail).toMatch(/mean P_N norm \d+; expected at most 100/);
    expect(await service.blobFiles()).toEqual(before);
  });
});
