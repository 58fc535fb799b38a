/** What is said of a photo and of its projection, on real photographs. */
import sharp, { type Sharp } from 'sharp';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { type Face, Measurement, type Quad } from '../../src/contracts.js';
import { Faces } from '../../src/engine/faces.js';
import { Finisher } from '../../src/engine/finish.js';
import { Measurer } from '../../src/engine/measure.js';
import { toTensor } from '../../src/images.js';
import { readManifest } from '../../src/models/manifest.js';
import { measurePhoto } from '../../src/models/metrics/photo.js';
import { photoWarnings } from '../../src/models/metrics/photo-warnings.js';
import { FACE_RECOGNITION, packageFile, packagesDir } from '../../src/models/packages.js';
import { samplePhoto } from '../support/photos.js';
import { portrait } from '../support/portraits.js';
import { golden, goldenLatent, waves } from '../support/step.js';

const { modelsDir, threads } = loadConfig();
const options = async () => ({
  modelsDir,
  manifest: await readManifest(modelsDir),
  session: { device: 'cpu' as const, threads },
});

let faces: Faces;
beforeAll(async () => {
  faces = await Faces.load({ session: { threads: 1 } });
});
afterAll(() => faces?.release());

/** The first face of a photo, the largest unless told otherwise, cut out. */
async function aligned(image: Uint8Array, choose: (a: Face, b: Face) => number = () => 0) {
  const { faces: found, width, height } = await faces.detect(image);
  const { landmarks } = found.toSorted(choose)[0]!;
  return { ...(await faces.align(image, landmarks)), landmarks, width, height };
}

const fromTheLeft = (a: Face, b: Face) => a.box.x - b.box.x;
const jpeg = async (change: (photo: Sharp) => Sharp) =>
  change(sharp(await portrait('obama')))
    .jpeg({ quality: 95 })
    .toBuffer();

/** Paints over a part of the aligned square of a portrait: corners in fractions of its side. */
async function covered([left, top, right, bottom]: readonly number[]): Promise<Buffer> {
  const photo = await portrait('obama');
  const { quad } = await aligned(photo);
  const [[x0, y0], , [x1, y1]] = quad as Quad;
  const at = (u: number, v: number) => [x0 + u * (x1 - x0), y0 + v * (y1 - y0)].map(Math.round);
  const [[x, y], [xEnd, yEnd]] = [at(left!, top!), at(right!, bottom!)] as [number[], number[]];
  const bar = { width: xEnd! - x!, height: yEnd! - y!, channels: 3 as const, background: '#20242a' };
  const input = await sharp({ create: bar }).png().toBuffer();
  return sharp(photo)
    .composite([{ input, left: x!, top: y! }])
    .jpeg({ quality: 95 })
    .toBuffer();
}

describe('warnings about a photo', () => {
  const codes = async (image: Uint8Array, choose?: (a: Face, b: Face) => number) =>
    photoWarnings(measurePhoto(await aligned(image, choose))).map(({ code }) => code);

  it.each(['obama', 'biden'] as const)('are none for the portrait %s', async (name) => {
    expect(await codes(await portrait(name))).toEqual([]);
  });

  it.each([
    ['TINY', () => jpeg((photo) => photo.resize(300))],
    ['TILTED', () => jpeg((photo) => photo.rotate(36, { background: '#889' }))],
    ['DARK', () => jpeg((photo) => photo.linear(0.25))],
    ['GREY', () => jpeg((photo) => photo.greyscale())],
    ['BLURRED', () => jpeg((photo) => photo.blur(6))],
    ['OCCLUDED', () => covered([0.28, 0.42, 0.72, 0.54])],
    ['OCCLUDED', () => covered([0.32, 0.62, 0.68, 0.86])],
    ['CUT_OFF', () => jpeg((photo) => photo.extract({ left: 400, top: 0, width: 510, height: 1000 }))],
  ] as const)('say %s (%#) of a portrait treated so', async (code, photo) => {
    expect(await codes(await photo())).toContain(code);
  });

  it('say PROFILE of a profile', async () => {
    expect(await codes(await samplePhoto(2), fromTheLeft)).toContain('PROFILE');
  });
});

describe('identity', () => {
  let measurer: Measurer;
  beforeAll(async () => {
    measurer = await Measurer.load(await options());
  });
  afterAll(() => measurer?.release());

  const described = async (photo: Uint8Array) =>
    measurer.describe(await toTensor((await aligned(photo)).aligned, 1024));
  const apart = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((x, i) => x - b[i]!));

  it('of one person in three photos lies within 0.45, of two people beyond 0.6', async () => {
    const other = (name: string) =>
      packageFile(FACE_RECOGNITION, `tests/test_images/${name}.jpg`, packagesDir(modelsDir));
    const one = await described(await portrait('obama'));
    const [second, third] = [await described(await other('obama2')), await described(await other('obama3'))];
    expect(Math.max(apart(one, second), apart(one, third), apart(second, third))).toBeLessThan(0.45);
    const someoneElse = await described(await portrait('biden'));
    for (const descriptor of [one, second, third]) {
      expect(apart(descriptor, someoneElse)).toBeGreaterThan(0.6);
    }
  });

  it.each([
    ['mirrored', (photo: Sharp) => photo.flop()],
    ['half as large', (photo: Sharp) => photo.resize(455)],
    ['darker', (photo: Sharp) => photo.linear(0.6)],
    ['blurred', (photo: Sharp) => photo.blur(2)],
  ] as const)('survives a photo %s', async (_, change) => {
    expect(apart(await described(await portrait('obama')), await described(await jpeg(change)))).toBeLessThan(
      0.4,
    );
  });
});

describe('the end of a projection', () => {
  it('reports the loss that PyTorch has for this latent, and fills every measure', async () => {
    const finisher = await Finisher.load(await options());
    const { aligned: face, landmarks, quad } = await aligned(await portrait('obama'));
    const photo = { aligned: face, landmarks, quad };
    const { loss } = golden.perceptual;
    const call = { latent: goldenLatent, target: waves, pixelWeight: 0, photo };
    const { quality, reconstruction } = await finisher.finish(call);
    expect(Value.Errors(Measurement, quality)).toEqual([]);
    expect(Math.abs(quality.loss / loss - 1)).toBeLessThan(1e-5);
    const { width, height, format } = await sharp(reconstruction).metadata();
    expect([width, height, format]).toEqual([1024, 1024, 'png']);
    expect(quality.identity).toBeGreaterThan(0.6);
    expect(quality.pn.perStyle).toHaveLength(16);
    expect(quality.verdict).toBe('poor');
    expect(quality.reasons.length).toBeGreaterThan(1);
    const weighted = await finisher.finish({ ...call, pixelWeight: 0.5 });
    expect(Math.abs(weighted.quality.loss / golden.pixel.loss - 1)).toBeLessThan(1e-5);
  });

  it('takes tied styles for all their layers', async () => {
    const finisher = await Finisher.load(await options());
    const { averageLatent } = await readManifest(modelsDir);
    const { aligned: face, landmarks, quad, target } = await aligned(await portrait('biden'));
    const photo = { aligned: face, landmarks, quad };
    const { latent, quality } = await finisher.finish({
      latent: Float32Array.from(averageLatent),
      target,
      pixelWeight: 0,
      photo,
    });
    expect(latent).toHaveLength(16 * 512);
    expect(new Set(quality.pn.perStyle).size).toBe(1);
  });
});
