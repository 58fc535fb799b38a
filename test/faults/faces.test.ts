/** Photos whose faces are missing, too small, blurred, turned away, cut off, painted or many, before the real models. */
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineApp, startEngineApp } from '../support/engine-app.js';
import { samplePhoto } from '../support/photos.js';
import { photoWithoutFace, portrait } from '../support/portraits.js';

let app: EngineApp;
beforeAll(async () => {
  app = await startEngineApp();
});
afterAll(() => app?.close());

async function post(photo: Uint8Array, fields: Record<string, string> = {}, url?: string) {
  const form = new FormData();
  form.append('image', new Blob([Uint8Array.from(photo)]), 'photo.jpg');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const answer = await app.service.post(form, {}, url);
  return { status: answer.statusCode, json: answer.json() };
}

/** Codes of what makes a likeness of each face hard. */
async function reasons(photo: Uint8Array): Promise<string[][]> {
  const { status, json } = await post(photo, {}, '/faces');
  expect(status).toBe(200);
  return json.faces.map(({ reasons }: { reasons: { code: string }[] }) => reasons.map(({ code }) => code));
}

/** A face as children draw it: a yellow disc with two dots and a bow. */
async function cartoon(): Promise<Uint8Array> {
  const side = 600;
  const isIn = (x: number, y: number, cx: number, cy: number, r: number): boolean =>
    (x - cx) ** 2 + (y - cy) ** 2 < r ** 2;
  const colour = (x: number, y: number): number[] => {
    const isBow = isIn(x, y, 300, 330, 130) && !isIn(x, y, 300, 330, 114) && y > 370;
    if (isBow || isIn(x, y, 220, 240, 30) || isIn(x, y, 380, 240, 30)) return [0, 0, 0];
    return isIn(x, y, 300, 300, 220) ? [255, 221, 102] : [153, 204, 255];
  };
  const pixels = Uint8Array.from(
    Array.from({ length: side ** 2 }, (_, i) => colour(i % side, Math.floor(i / side))).flat(),
  );
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg()
    .toBuffer();
}

test.each<[string, () => Promise<Uint8Array>]>([
  ['none', photoWithoutFace],
  [
    'a face of some pixels',
    async () =>
      sharp(await portrait('obama'))
        .resize(24)
        .jpeg()
        .toBuffer(),
  ],
  [
    'a face that is blurred beyond recognition',
    async () =>
      sharp(await portrait('obama'))
        .blur(60)
        .jpeg()
        .toBuffer(),
  ],
  ['a cartoon', cartoon],
])('%s: 422 FACE_NOT_FOUND, nothing is stored, and the next photo is accepted', async (_, photo) => {
  const { status, json } = await post(await photo());
  expect([status, json.code]).toEqual([422, 'FACE_NOT_FOUND']);
  expect(await app.service.blobFiles()).toEqual([]);
  expect((await post(await portrait('obama'))).status).toBe(202);
  await app.service.deps.blobs.deletePrefix('embeddings/');
});

test('a face that is too small is told as TINY before it is embedded', async () => {
  const photo = await sharp(await portrait('obama'))
    .resize(240)
    .jpeg()
    .toBuffer();
  expect((await reasons(photo))[0]).toContain('TINY');
});

test('a face that is blurred is told as such', async () => {
  const photo = await sharp(await portrait('obama'))
    .blur(4)
    .jpeg()
    .toBuffer();
  expect(await reasons(photo)).toEqual([['BLURRED']]);
});

test('a face that is cut off by the border is told as such', async () => {
  const { width, height } = await sharp(await portrait('obama')).metadata();
  const photo = await sharp(await portrait('obama'))
    .extract({ left: Math.round(width / 2), top: 0, width: Math.floor(width / 2), height })
    .jpeg()
    .toBuffer();
  expect(await reasons(photo)).toEqual([['CUT_OFF']]);
});

test('a profile is told as such', async () => {
  expect((await reasons(await samplePhoto(2))).flat()).toContain('PROFILE');
});

test('several faces: the largest is taken, the second by its index, one that is not there is refused', async () => {
  const photo = await samplePhoto(2);
  const selected = ({ json }: { json: { faces: { selected: boolean }[] } }): number =>
    json.faces.findIndex((face) => face.selected);
  expect(selected(await post(photo))).toBe(0);
  expect(selected(await post(photo, { face: '1' }))).toBe(1);
  const refused = await post(photo, { face: '9' });
  expect([refused.status, refused.json.code]).toEqual([422, 'FACE_INDEX_UNKNOWN']);
  expect((await post(photo, { face: 'all' })).json.embeddings).toHaveLength(3);
});
