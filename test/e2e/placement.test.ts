/** Faces drawn into real photographs by the real generator. */
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Seam, seamOf } from '../../bench/paste/seam.js';
import { loadConfig } from '../../src/config.js';
import type { Face, Point, Quad } from '../../src/contracts.js';
import { Faces } from '../../src/engine/faces.js';
import type { EngineOptions } from '../../src/engine/generator.js';
import { pasteBack } from '../../src/engine/paste.js';
import { Renderer } from '../../src/engine/render.js';
import { startLatent } from '../../src/engine/start.js';
import { type Rgb8, tensorToRgb8 } from '../../src/images/tensors.js';
import { encodeUpright, sniffPhoto, upright, uprightAt } from '../../src/images.js';
import { alignmentQuad } from '../../src/models/face/align.js';
import { readManifest } from '../../src/models/manifest.js';
import { morph } from '../../src/models/morph.js';
import { FIELD_SIZE } from '../../src/models/paste/colour.js';
import { draw } from '../../src/models/paste/draw.js';
import { softMask } from '../../src/models/paste/mask.js';
import { edgesOf, faceOutline } from '../../src/models/paste/outline.js';
import { fitted, outlinesOf } from '../../src/models/paste/paste.js';
import { portrait } from '../support/portraits.js';

const { modelsDir, threads } = loadConfig();

interface Subject {
  photo: Uint8Array;
  face: Face;
  quad: Quad;
  latent: Float32Array;
  width: number;
  height: number;
}

let faces: Faces;
let renderer: Renderer;
let obama: Subject;
let biden: Subject;

beforeAll(async () => {
  const options: EngineOptions = {
    modelsDir,
    manifest: await readManifest(modelsDir),
    session: { device: 'cpu', threads },
  };
  faces = await Faces.load(options);
  renderer = await Renderer.load(options);
  const subject = async (name: 'obama' | 'biden'): Promise<Subject> => {
    const photo = await encodeUpright(await portrait(name));
    const { width, height, ...detection } = await faces.detect(photo);
    const face = detection.faces[0]!;
    const { target, quad } = await faces.align(photo, face.landmarks);
    // The latent that a projection starts from: another face, as that of a morph would be.
    const { latent } = await startLatent(options, { start: 'encoder', target, styles: 16 });
    return { photo, face, quad, latent, width, height };
  };
  [obama, biden] = [await subject('obama'), await subject('biden')];
});
afterAll(() => faces?.release());

/** The photo before and after, as PNG that was decoded again, at its own size or reduced by `scale`. */
async function drawn({ photo, face, quad, ...size }: Subject, latent: Float32Array, scale = 1) {
  const [width, height] = [Math.round(size.width * scale), Math.round(size.height * scale)];
  const moved = ([x, y]: Point): Point => [(x * width) / size.width, (y * height) / size.height];
  const place = { width, height, quad: quad.map(moved) as Quad, landmarks: face.landmarks.map(moved) };
  const { image } = await pasteBack(renderer, faces, { latent, place: { ...place, photo }, format: 'png' });
  const before = scale === 1 ? await upright(photo) : await uprightAt(photo, width, height);
  return { before, after: await upright(image), ...place };
}

const mixed = (lambda: number): Float32Array =>
  morph(obama.latent, biden.latent, { layers: 16, dim: 512 }, { mode: 'linear', lambda, crossover: 0 });

describe.each([
  ['at its own size', 1],
  ['reduced', 0.4],
])('a morph drawn into a photo %s', (_, scale) => {
  it('changes the face and not one bit outside its outline', async () => {
    for (const subject of [obama, biden]) {
      const { before, after, landmarks } = await drawn(subject, mixed(0.5), scale);
      const edges = edgesOf(faceOutline(landmarks));
      let [strayed, inside, changed] = [0, 0, 0];
      for (let i = 0; i < before.width * before.height; i++) {
        const [x, y] = [(i % before.width) + 0.5, Math.floor(i / before.width) + 0.5];
        const depth = Math.min(...edges.map(([a, b, c]) => a * x + b * y + c));
        const same = [0, 1, 2].every((c) => before.data[3 * i + c] === after.data[3 * i + c]);
        if (depth > 0) inside++;
        if (!same && depth > 0) changed++;
        // Interpolation may reach over the line by a pixel or two.
        if (!same && depth < -2) strayed++;
      }
      expect(strayed).toBe(0);
      expect(changed / inside).toBeGreaterThan(0.6);
    }
  });
});

describe('the edge', () => {
  /** Of what the service draws, and of the same without any match of colours. */
  async function seams(subject: Subject, latent: Float32Array): Promise<{ drawn: Seam; plain: Seam }> {
    const { before, after, quad, landmarks } = await drawn(subject, latent);
    const { pixels, side } = await renderer.whole({ latent: latent });
    const face = tensorToRgb8(pixels, side, side);
    const outlines = outlinesOf({ quad, landmarks }, face, await faces.landmarksOfAligned(face));
    const bare = { ...before, data: Uint8Array.from(before.data) };
    const small = await fitted(face, quad);
    draw(bare, small, new Float32Array(3 * FIELD_SIZE ** 2), softMask(outlines, small.width), quad);
    const seam = (image: Rgb8) => seamOf(before, image, quad, outlines);
    return { drawn: await seam(after), plain: await seam(bare) };
  }

  it.each([1, 0.5, 0])('is no steeper than the photo was there, at lambda %d', async (lambda) => {
    for (const subject of [obama, biden]) {
      const { drawn, plain } = await seams(subject, mixed(lambda));
      expect(drawn.gradient).toBeLessThan(0.95);
      expect(drawn.step).toBeLessThan(0.9 * plain.step);
      expect(drawn.step).toBeLessThan(25);
    }
  });
});

it('follows the light of the photo', async () => {
  const nose = async (subject: Subject): Promise<number[]> => {
    const { after } = await drawn(subject, mixed(0.5));
    const [x, y] = obama.face.landmarks[30]!.map(Math.round) as [number, number];
    const at = 3 * (y * after.width + x);
    return [...after.data.subarray(at, at + 3)];
  };
  const [red, green] = await nose(obama);
  const tinted = sharp(obama.photo).linear([0.7, 1, 1], [0, 0, 0]).jpeg({ quality: 95 });
  const [less, same] = await nose({ ...obama, photo: await tinted.toBuffer() });
  expect(less! / red!).toBeGreaterThan(0.6);
  expect(less! / red!).toBeLessThan(0.8);
  expect(Math.abs(same! - green!)).toBeLessThan(4);
});

it('draws into a photo of 64 megapixels within half a gigabyte', async () => {
  const photo = await sharp(obama.photo).resize(8000, 8000, { fit: 'fill' }).jpeg({ quality: 95 }).toBuffer();
  const stretched = ([x, y]: Point): Point => [(x * 8000) / obama.width, (y * 8000) / obama.height];
  const landmarks = obama.face.landmarks.map(stretched);
  const face = { ...obama.face, landmarks };
  const large: Subject = { ...obama, photo, face, quad: alignmentQuad(landmarks), width: 8000, height: 8000 };
  const [width, height] = [4096, 4096];
  const reduced = ([x, y]: Point): Point => [(x * width) / 8000, (y * height) / 8000];
  const place = {
    photo,
    width,
    height,
    quad: large.quad.map(reduced) as Quad,
    landmarks: landmarks.map(reduced),
  };
  await renderer.warmUp(obama.latent);
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const { image } = await pasteBack(renderer, faces, { latent: obama.latent, place, format: 'jpeg' });
  clearInterval(watch);
  expect(await sniffPhoto(image)).toMatchObject({ width, height });
  expect((peak - before) / 2 ** 20).toBeLessThan(512);
});
