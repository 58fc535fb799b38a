import { describe, expect, it } from 'vitest';
import type { Point, Quad } from '../../../src/contracts.js';
import type { Rgb8 } from '../../../src/images/tensors.js';
import { alignmentQuad } from '../../../src/models/face/align.js';
import { warp } from '../../../src/models/face/warp.js';
import { softMask } from '../../../src/models/paste/mask.js';
import { intoSquare } from '../../../src/models/paste/outline.js';
import { outlinesOf, paste } from '../../../src/models/paste/paste.js';
import { moved, syntheticLandmarks } from '../../support/landmarks.js';

type Colour = (x: number, y: number) => readonly [number, number, number];

function painted(width: number, height: number, colour: Colour): Rgb8 {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x + 0.5, y + 0.5).map(Math.round), 3 * (y * width + x));
  }
  return { data, width, height };
}

/** Waves some 25 pixels long. */
const waves: Colour = (x, y) => [
  128 + 60 * Math.sin(x / 4),
  120 + 50 * Math.cos(y / 5),
  90 + 40 * Math.sin((x + y) / 6),
];

const copyOf = (image: Rgb8): Rgb8 => ({ ...image, data: Uint8Array.from(image.data) });

/** A face in a photo, and the same landmarks in the aligned square of `side` pixels. */
function faceAt(degrees: number, scale: number, centre: Point, side: number) {
  const landmarks = moved(syntheticLandmarks(), degrees, scale, centre);
  const quad = alignmentQuad(landmarks);
  const aligned = landmarks.map(intoSquare(quad)).map(([u, v]): Point => [u * side, v * side]);
  return { quad, landmarks, aligned };
}

/** Mask of the paste at a pixel of the photo, by its exact place. */
function maskOf(quad: Quad, landmarks: Point[], face: Rgb8, aligned: Point[]) {
  const size = 1024;
  const mask = softMask(outlinesOf({ quad, landmarks }, face, aligned), size);
  const toSquare = intoSquare(quad);
  return (x: number, y: number): number => {
    const [u, v] = toSquare([x + 0.5, y + 0.5]);
    const inside = u >= 0 && v >= 0 && u < 1 && v < 1;
    return inside ? mask[Math.floor(v * size) * size + Math.floor(u * size)]! : 0;
  };
}

describe('paste', () => {
  it.each([
    ['upright at its own size', 0, 0.6, 300],
    ['turned and enlarged', 25, 0.35, 300],
    ['turned and reduced', -130, 0.7, 1024],
  ])('gives the photo back when its own crop is pasted: %s', async (_, degrees, scale, side) => {
    const photo = painted(600, 500, waves);
    const { quad, landmarks, aligned } = faceAt(degrees, scale, [300, 230], side);
    const face = await warp(photo, quad, side);
    const out = copyOf(photo);
    await paste(out, face, { quad, landmarks }, aligned);
    let [most, squares, count] = [0, 0, 0];
    const mask = maskOf(quad, landmarks, face, aligned);
    for (let y = 0; y < 500; y++) {
      for (let x = 0; x < 600; x++) {
        if (mask(x, y) === 0) continue;
        for (let c = 0; c < 3; c++) {
          const error = Math.abs(out.data[3 * (600 * y + x) + c]! - photo.data[3 * (600 * y + x) + c]!);
          most = Math.max(most, error);
          squares += error ** 2;
          count++;
        }
      }
    }
    expect(count).toBeGreaterThan(3000);
    expect(Math.sqrt(squares / count)).toBeLessThan(1.5);
    expect(most).toBeLessThan(7);
  });

  it('changes what the mask covers and not one value elsewhere', async () => {
    const photo = painted(600, 500, waves);
    const { quad, landmarks, aligned } = faceAt(20, 0.6, [300, 230], 256);
    const face = painted(256, 256, (x, y) => [200, (x * 7) % 256, (y * 11) % 256]);
    const out = copyOf(photo);
    await paste(out, face, { quad, landmarks }, aligned);
    const mask = maskOf(quad, landmarks, face, aligned);
    let [outside, inside, strayed] = [0, 0, 0];
    for (let y = 1; y < 499; y++) {
      for (let x = 1; x < 599; x++) {
        const at = 3 * (600 * y + x);
        const same = [0, 1, 2].every((c) => out.data[at + c] === photo.data[at + c]);
        // A pixel on the border of the mask may see its neighbours.
        const near = [-2, 0, 2].some((dy) => [-2, 0, 2].some((dx) => mask(x + dx, y + dy) > 0));
        if (!near) outside++;
        if (!near && !same) strayed++;
        if (near && !same) inside++;
      }
    }
    expect(strayed).toBe(0);
    expect(outside).toBeGreaterThan(200_000);
    expect(inside).toBeGreaterThan(10_000);
  });

  it('drops what lies beyond the photo', async () => {
    const photo = painted(300, 200, () => [90, 100, 110]);
    for (const centre of [
      [10, 20],
      [290, 190],
      [-500, 90],
    ] satisfies Point[]) {
      const { quad, landmarks, aligned } = faceAt(10, 0.5, centre, 128);
      const out = copyOf(photo);
      await paste(
        out,
        painted(128, 128, () => [90, 100, 110]),
        { quad, landmarks },
        aligned,
      );
      expect(Buffer.compare(out.data, photo.data)).toBe(0);
    }
  });

  it('takes a cast off the face, and the shade of one side', async () => {
    const photo = painted(600, 500, (x, y) => {
      const wave = 20 * Math.sin(x / 4);
      return [150 + wave + x / 20, 120 + wave, 100 + y / 20];
    });
    const { quad, landmarks, aligned } = faceAt(0, 0.6, [300, 230], 300);
    const face = await warp(photo, quad, 300);
    const cast = { ...face, data: face.data.map((v, i) => v + [30, -25, 10][i % 3]! + ((i / 3) % 300) / 20) };
    const out = copyOf(photo);
    await paste(out, cast, { quad, landmarks }, aligned);
    const most = out.data.reduce((max, v, i) => Math.max(max, Math.abs(v - photo.data[i]!)), 0);
    expect(most).toBeLessThan(5);
  });

  it('compares no colours beyond the photo, where its mirror image lies', async () => {
    const ramp: Colour = (x) => [Math.min(255, 40 + x), 90, 110];
    const photo = painted(300, 400, ramp);
    const { quad, landmarks, aligned } = faceAt(0, 0.6, [-25, 170], 256);
    const [left, side] = [quad[0][0], quad[3][0] - quad[0][0]];
    const face = painted(256, 256, (x) => {
      const [red, green, blue] = ramp(left + (x * side) / 256, 0);
      return [Math.max(0, red - 20), green, blue];
    });
    const out = copyOf(photo);
    await paste(out, face, { quad, landmarks }, aligned);
    const most = out.data.reduce((max, v, i) => Math.max(max, Math.abs(v - photo.data[i]!)), 0);
    expect(most).toBeLessThan(5);
  });

  it('does not alias where the face is drawn small', async () => {
    const photo = painted(200, 200, () => [128, 128, 128]);
    const { quad, landmarks, aligned } = faceAt(7, 0.15, [100, 90], 1024);
    const stripes = painted(1024, 1024, (x) => (Math.floor(x / 2) % 2 ? [255, 255, 255] : [0, 0, 0]));
    await paste(photo, stripes, { quad, landmarks }, aligned);
    const spread = photo.data.reduce((max, v) => Math.max(max, Math.abs(v - 128)), 0);
    expect(spread).toBeLessThan(8);
  });
});
