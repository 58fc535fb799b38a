import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Detection, Point } from '../../src/contracts.js';
import { Faces } from '../../src/engine/faces.js';
import { tensorToRgb8 } from '../../src/images/tensors.js';
import { encodePng, upright } from '../../src/images.js';
import { areaOf, meanOf, overlap } from '../../src/models/face/boxes.js';
import { pattern } from '../support/pattern.js';
import { samplePhoto } from '../support/photos.js';
import { photoWithoutFace, portrait } from '../support/portraits.js';

let faces: Faces;
beforeAll(async () => {
  faces = await Faces.load({ session: { threads: 1 } });
});
afterAll(() => faces?.release());

const eyesOf = (landmarks: Point[]): [Point, Point] => [meanOf(landmarks, 36, 41), meanOf(landmarks, 42, 47)];
const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Mean absolute difference of two pictures, 0..255. */
async function difference(a: Uint8Array, b: Uint8Array): Promise<number> {
  const [one, other] = [await upright(a), await upright(b)];
  expect([other.width, other.height]).toEqual([one.width, one.height]);
  return one.data.reduce((sum, value, i) => sum + Math.abs(value - other.data[i]!), 0) / one.data.length;
}

describe('the faces of real photographs', () => {
  it.each([
    [1, 3],
    [2, 3],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 4],
  ] as const)('sample %i has %i, reported largest first', async (sample, count) => {
    const found = await faces.detect(await samplePhoto(sample));
    expect(found.faces).toHaveLength(count);
    const areas = found.faces.map(({ box }) => areaOf(box));
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    for (const { box, landmarks, score } of found.faces) {
      expect(score).toBeGreaterThanOrEqual(0.5);
      expect(box.x >= 0 && box.x + box.width <= found.width).toBe(true);
      expect(box.y >= 0 && box.y + box.height <= found.height).toBe(true);
      expect(landmarks).toHaveLength(68);
    }
  });

  it.each(['obama', 'biden'] as const)('the portrait %s has exactly one', async (name) => {
    expect((await faces.detect(await portrait(name))).faces).toHaveLength(1);
  });

  it('are found in any format, with transparency, grey or 16 bits', async () => {
    const photo = sharp(await portrait('obama'));
    const expected = (await faces.detect(await portrait('obama'))).faces[0]!;
    const variants = [
      await photo.clone().webp().toBuffer(),
      await photo.clone().avif({ effort: 0 }).toBuffer(),
      await photo.clone().ensureAlpha().png({ compressionLevel: 1 }).toBuffer(),
      await photo.clone().toColourspace('rgb16').png({ compressionLevel: 1 }).toBuffer(),
      await photo.clone().toColourspace('b-w').jpeg().toBuffer(),
      await photo.clone().toColourspace('cmyk').jpeg().toBuffer(),
    ];
    for (const variant of variants) {
      const found = (await faces.detect(variant)).faces;
      expect(found).toHaveLength(1);
      expect(overlap(found[0]!.box, expected.box)).toBeGreaterThan(0.9);
    }
  });

  it('are found in a photo of 300 pixels', async () => {
    const small = await sharp(await portrait('obama'))
      .resize(240)
      .jpeg()
      .toBuffer();
    const [face] = (await faces.detect(small)).faces;
    expect(face!.box.width).toBeGreaterThan(40);
  });
});

describe('a photo without a face', () => {
  const noise = () =>
    Uint8Array.from({ length: 3 * 512 * 512 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 24) & 255);
  const waves = () =>
    tensorToRgb8(
      pattern(512).map((x) => x / 127.5 - 1),
      512,
      512,
    );
  it.each([
    ['a suit before a flag', photoWithoutFace],
    ['smooth waves', () => encodePng(waves())],
    ['noise', () => encodePng({ data: noise(), width: 512, height: 512 })],
    [
      'one colour',
      () =>
        sharp({ create: { width: 900, height: 30, channels: 3, background: '#c9a' } })
          .png()
          .toBuffer(),
    ],
    [
      'one pixel',
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: '#c9a' } })
          .png()
          .toBuffer(),
    ],
  ])('gives none: %s', async (_, make) => {
    expect((await faces.detect(await make())).faces).toEqual([]);
  });
});

describe('EXIF orientation', () => {
  /** Transformations that store the upright photo so that the tag's orientation undoes them. */
  const store: Record<number, (s: Sharp) => Sharp> = {
    1: (s) => s,
    2: (s) => s.flop(),
    3: (s) => s.rotate(180),
    4: (s) => s.flip(),
    5: (s) => s.rotate(270).flop(),
    6: (s) => s.rotate(270),
    7: (s) => s.rotate(90).flop(),
    8: (s) => s.rotate(90),
  };
  let reference: Detection;
  let crop: Uint8Array;
  beforeAll(async () => {
    reference = await faces.detect(await portrait('obama'));
    crop = (await faces.align(await portrait('obama'), reference.faces[0]!.landmarks)).aligned;
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i gives the same face and the same crop', async (orientation) => {
    const photo = await store[orientation]!(sharp(await portrait('obama')))
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation })
      .toBuffer();
    const found = await faces.detect(photo);
    expect([found.width, found.height, found.faces.length]).toEqual([reference.width, reference.height, 1]);
    const [face, expected] = [found.faces[0]!, reference.faces[0]!];
    const scale = distance(...eyesOf(expected.landmarks));
    expect(overlap(face.box, expected.box)).toBeGreaterThan(0.97);
    face.landmarks.forEach((point, i) => {
      expect(distance(point, expected.landmarks[i]!) / scale).toBeLessThan(0.03);
    });
    const { aligned } = await faces.align(photo, face.landmarks);
    expect(await difference(aligned, crop)).toBeLessThan(3);
  });
});

describe('an aligned face', () => {
  it.each(['obama', 'biden'] as const)('has its eyes where FFHQ has them: %s', async (name) => {
    const photo = await portrait(name);
    const { aligned, target, quad } = await faces.align(
      photo,
      (await faces.detect(photo)).faces[0]!.landmarks,
    );
    const { width, height, exif, icc } = await sharp(aligned).metadata();
    expect({ width, height, exif, icc }).toEqual({ width: 1024, height: 1024 });
    expect(target).toHaveLength(3 * 256 * 256);
    expect(quad).toHaveLength(4);
    // Looked for anew in the crop, so that the landmarks of the photo do not vouch for themselves.
    const [left, right] = eyesOf((await faces.detect(aligned)).faces[0]!.landmarks);
    expect(distance(left, [0.375 * 1024, 0.474 * 1024])).toBeLessThan(0.03 * 1024);
    expect(distance(right, [0.625 * 1024, 0.474 * 1024])).toBeLessThan(0.03 * 1024);
  });

  it('is cut for every face of a photo, the nearest border included', async () => {
    const photo = await samplePhoto(4);
    // The second largest of these faces reaches beyond the upper border.
    const found = await faces.detect(photo);
    expect(found.faces.length).toBeGreaterThan(1);
    for (const { landmarks } of found.faces) {
      const { target } = await faces.align(photo, landmarks);
      expect(target.every((value) => Number.isFinite(value) && Math.abs(value) <= 1)).toBe(true);
    }
  });

  it('has the target of the projection as its area mean', async () => {
    const photo = await portrait('obama');
    const { aligned, target } = await faces.align(photo, (await faces.detect(photo)).faces[0]!.landmarks);
    const reduced = await sharp(aligned).resize(256, 256, { kernel: 'linear' }).png().toBuffer();
    expect(await difference(reduced, await encodePng(tensorToRgb8(target, 256, 256)))).toBeLessThan(2);
  });

  it('is refused for landmarks that are not 68', async () => {
    await expect(faces.align(await portrait('obama'), [[1, 2]])).rejects.toThrow('Expected 68 landmarks');
  });
});
