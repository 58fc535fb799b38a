/** Files that are no photo, or one that means harm. After each case nothing is held, and the next photo is accepted. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { eachTestOnHostileApp, type HostileApp } from '../support/hostile.js';

let app: HostileApp;
eachTestOnHostileApp((started) => {
  app = started;
});

const upload = (bytes: Uint8Array, name = 'photo.jpg') => {
  const form = new FormData();
  form.append('image', new Blob([Uint8Array.from(bytes)]), name);
  return app.service.post(form);
};

/** What the service has stored, which is deleted, so that the app is as it was. */
async function stored(): Promise<Buffer[]> {
  const files = await app.service.blobFiles();
  const bytes = await Promise.all(files.map((path) => readFile(path)));
  await app.service.deps.blobs.deletePrefix('embeddings/');
  return bytes;
}

const crc = (bytes: Buffer): number => {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let i = 0; i < 8; i++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
};

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc(named));
  return Buffer.concat([length, named, sum]);
}

/** A PNG of one bit a pixel, all black: a few kilobytes, whatever its size. */
function largePng(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const rows = deflateSync(Buffer.alloc(side * (1 + Math.ceil(side / 8))), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const plain = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#886655' } });

test('a PNG of 30,000 x 30,000 pixels in some hundred kilobytes is refused before it is decoded', async () => {
  const png = largePng(30_000);
  expect(png.length).toBeLessThan(300_000);
  const before = process.memoryUsage().rss;
  expect((await upload(png)).json()).toMatchObject({ status: 413, code: 'IMAGE_TOO_LARGE' });
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
});

describe('renamed to .jpg and refused by content', () => {
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><rect width="99" height="99"/></svg>',
  );
  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['SVG', () => svg],
    ['TIFF', () => plain(64, 64).tiff().toBuffer()],
    ['GIF', () => plain(64, 64).gif().toBuffer()],
    ['PDF', () => Buffer.from('%PDF-1.7\n1 0 obj\n<<>>\nendobj\n')],
    ['HTML', () => Buffer.from('<!doctype html><script>alert(1)</script>')],
    ['a ZIP', () => Buffer.from('PK\x03\x04aaaaaaaaaaaaaaaa', 'latin1')],
  ])('%s', async (_, bytes) => {
    expect((await upload(await bytes())).json()).toMatchObject({ status: 415, code: 'IMAGE_UNSUPPORTED' });
  });

  test('HEIC, whose name and the way out are told', async () => {
    const heic = Buffer.concat([
      Buffer.from([0, 0, 0, 24]),
      Buffer.from('ftypheic\0\0\0\0mif1heic', 'latin1'),
      Buffer.alloc(64),
    ]);
    const refused = (await upload(heic)).json();
    expect(refused).toMatchObject({ status: 415, code: 'IMAGE_UNSUPPORTED' });
    expect(refused.detail).toMatch(/HEIC.*JPEG/s);
  });
});

test('an animated WebP of 500 frames is taken as its first frame, or refused, at once', async () => {
  const frame = await plain(32, 32).raw().toBuffer();
  const frames = Buffer.concat(Array.from({ length: 500 }, () => frame));
  const webp = await sharp(frames, { raw: { width: 32, height: 32 * 500, channels: 3, pageHeight: 32 } })
    .webp({ loop: 0, delay: Array(500).fill(20) })
    .toBuffer();
  const answer = await upload(webp);
  expect([202, 415]).toContain(answer.statusCode);
  for (const photo of await stored()) expect((await sharp(photo).metadata()).height).toBe(32);
});

describe('damaged or empty', () => {
  test.each<[string, () => Buffer]>([
    ['a JPEG that is cut off in its header', () => app.jpeg.subarray(0, 200)],
    ['a JPEG that is cut off in its pixels', () => app.jpeg.subarray(0, app.jpeg.length / 3)],
    ['nothing', () => Buffer.alloc(0)],
    ['one byte', () => Buffer.from([0xff])],
    ['the first bytes of a JPEG', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
  ])('%s', async (_, bytes) => {
    const { status, code } = (await upload(bytes())).json();
    expect([400, 415, 422]).toContain(status);
    expect(['IMAGE_UNREADABLE', 'IMAGE_UNSUPPORTED', 'IMAGE_MISSING']).toContain(code);
  });
});

describe('unusual and accepted', () => {
  test.each<[string, () => Promise<Buffer>]>([
    ['CMYK', () => plain(64, 64).toColourspace('cmyk').jpeg().toBuffer()],
    ['16 bits', () => plain(64, 64).toColourspace('rgb16').png().toBuffer()],
    ['grey', () => plain(64, 64).toColourspace('b-w').png().toBuffer()],
    ['transparency', () => plain(64, 64).ensureAlpha(0.5).png().toBuffer()],
    ['one pixel', () => plain(1, 1).png().toBuffer()],
    ['63 megapixels', () => plain(9_000, 7_000).jpeg({ quality: 30 }).toBuffer()],
  ])('%s: three channels of eight bits are stored', async (_, bytes) => {
    const answer = await upload(await bytes());
    expect(answer.statusCode, answer.body).toBe(202);
    const [photo, ...others] = await stored();
    expect(others).toEqual([]);
    expect(await sharp(photo!).metadata()).toMatchObject({ format: 'jpeg', channels: 3, depth: 'uchar' });
  });
});

test('65 megapixels are refused', async () => {
  const bytes = await plain(13_000, 5_000).jpeg({ quality: 20 }).toBuffer();
  expect((await upload(bytes)).json()).toMatchObject({ status: 413, code: 'IMAGE_TOO_LARGE' });
});

test('the same picture in all eight EXIF orientations is stored as the same bytes, and so gives the same latent', async () => {
  const [width, height] = [48, 32];
  const pixels = Buffer.from(Array.from({ length: 3 * width * height }, (_, i) => (i * 7919) % 251));
  const upright = () => sharp(pixels, { raw: { width, height, channels: 3 } });
  /** What a camera stores that was held so: turned by degrees, then mirrored. */
  const held: readonly [degrees: number, isMirrored: boolean][] = [
    [0, false],
    [0, true],
    [180, false],
    [180, true],
    [90, true],
    [270, false],
    [270, true],
    [90, false],
  ];
  const photos: Buffer[] = [];
  for (const [i, [degrees, isMirrored]] of held.entries()) {
    // In two passes: in one, the library mirrors first, whatever the order of the calls.
    const turned = await upright().rotate(degrees).png().toBuffer();
    const photo = sharp(turned)
      .flop(isMirrored)
      .withMetadata({ orientation: i + 1 });
    expect((await upload(await photo.png().toBuffer())).statusCode).toBe(202);
    photos.push(...(await stored()));
  }
  expect(photos).toHaveLength(8);
  for (const photo of photos) expect(photo.equals(photos[0]!)).toBe(true);
});

test('the place where a photo was taken is in nothing that is stored or answered', async () => {
  const SECRET = 'N48 52 E2 17';
  const bytes = await sharp(app.jpeg)
    .withExif({
      IFD0: { Artist: SECRET, Copyright: SECRET },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '48/1 52/1 0/1',
        GPSLongitudeRef: 'E',
        GPSLongitude: '2/1 17/1 0/1',
      },
    })
    .jpeg()
    .toBuffer();
  expect((await sharp(bytes).metadata()).exif?.toString('latin1')).toContain(SECRET);
  const answer = await upload(bytes, `${SECRET}.jpg`);
  expect(answer.statusCode).toBe(202);
  const { id } = answer.json();
  const image = await app.service.app.inject(`/embeddings/${id}/image?kind=original`);
  const told = [
    answer.body,
    image.rawPayload.toString('latin1'),
    JSON.stringify(await app.service.redis.hgetall(`${app.service.deps.config.keyPrefix}:embedding:${id}`)),
  ];
  const files = await stored();
  for (const text of [...told, ...files.map((file) => file.toString('latin1'))]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('GPS');
  }
  for (const file of files) expect((await sharp(file).metadata()).exif).toBeUndefined();
  expect(await readdir(join(app.service.dir))).not.toContain(`${SECRET}.jpg`);
});

test.each(['size=100000', 'size=0', 'size=-1', 'size=1e9', 'quality=101', 'format=tiff'])(
  'an image that is asked for with %s is refused',
  async (query) => {
    const answer = await app.service.app.inject(
      `/morph?a=emb_AAAAAAAAAAAAAAAAAAAA&b=emb_BBBBBBBBBBBBBBBBBBBB&${query}`,
    );
    expect(answer.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  },
);
