import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AppError, ErrorCode } from '../../src/errors.js';
import { sniffFormat } from '../../src/images/sniff.js';
import { sniffPhoto } from '../../src/images.js';
import { pattern } from '../support/pattern.js';

const SIZE = 120;

/** Encodes the test picture, 120 x 80 pixels of smooth colour. */
function picture() {
  const planes = pattern(SIZE);
  const data = Uint8Array.from(
    { length: 3 * SIZE * 80 },
    (_, i) => planes[(i % 3) * SIZE * SIZE + Math.floor(i / 3)]!,
  );
  return sharp(data, { raw: { width: SIZE, height: 80, channels: 3 } });
}

async function refusal(bytes: Uint8Array, limits?: { maxPixels: number }): Promise<AppError> {
  const outcome: unknown = await sniffPhoto(bytes, limits).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(Error);
  return outcome as AppError;
}

/** An ISO base media file as far as its first box. */
function ftyp(major: string, ...compatible: string[]): Buffer {
  const brands = Buffer.from(`ftyp${major}\0\0\0\0${compatible.join('')}`, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(brands.length + 4);
  return Buffer.concat([length, brands, Buffer.alloc(64)]);
}

describe('sniffPhoto', () => {
  it.each(['jpeg', 'png', 'webp', 'avif'] as const)(
    'accepts %s by content and reports its size',
    async (format) => {
      const bytes = await picture().toFormat(format).toBuffer();
      expect(await sniffPhoto(bytes)).toEqual({ format, width: SIZE, height: 80 });
    },
  );

  it('reports the size with the EXIF orientation applied', async () => {
    const bytes = await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await sniffPhoto(bytes)).toMatchObject({ width: 80, height: SIZE });
  });

  it('accepts an animated WebP as its first frame', async () => {
    const frames = { pageHeight: 40, delay: [100, 100], loop: 0 };
    const data = new Uint8Array(3 * SIZE * 80).fill(90);
    const raw = { width: SIZE, height: 80, channels: 3, pageHeight: 40 } as const;
    const bytes = await sharp(data, { raw, animated: true }).webp(frames).toBuffer();
    expect(await sniffPhoto(bytes)).toEqual({ format: 'webp', width: SIZE, height: 40 });
  });

  const made: [string, () => Promise<Uint8Array>][] = [
    ['GIF', () => picture().gif().toBuffer()],
    ['TIFF', () => picture().tiff().toBuffer()],
    ['HEIC', async () => ftyp('heic', 'mif1', 'heic')],
    ['HEIC', async () => ftyp('mif1', 'mif1', 'heic')],
    ['HEIF', async () => ftyp('mif1', 'mif1', 'miaf')],
    ['MP4 or QuickTime video', async () => ftyp('isom', 'isom', 'avc1')],
    ['SVG', async () => Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['SVG', async () => Buffer.from('\ufeff <!-- drawn --> <svg width="1" height="1"/>')],
    ['PDF', async () => Buffer.from('%PDF-1.7\n')],
    ['BMP', async () => Buffer.from('BM\x46\0\0\0', 'latin1')],
    ['HTML', async () => Buffer.from('<!doctype html><p>sign in')],
    ['JPEG XL', async () => Buffer.from([0xff, 0x0a, 0, 0])],
    ['ZIP', async () => Buffer.from('PK\x03\x04', 'latin1')],
  ];
  it.each(made)('refuses %s, naming it, what is accepted and the way out', async (name, make) => {
    const error = await refusal(await make());
    expect(error.code).toBe('IMAGE_UNSUPPORTED');
    expect(error.detail).toContain(`The file is ${name}.`);
    expect(error.detail).toMatch(/Accepted are JPEG, PNG, WebP and AVIF\. (Convert|Save) .*\.$/);
  });

  it.each([
    ['text', Buffer.from('Dear sir or madam, please find attached')],
    ['one byte', Buffer.from([0xff])],
    ['zeros', Buffer.alloc(4096)],
    ['a RIFF sound', Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1')],
  ])('refuses what is no picture: %s', async (_, bytes) => {
    const error = await refusal(bytes);
    expect(error.code).toBe('IMAGE_UNSUPPORTED');
    expect(error.detail).toContain('not a picture of a known format');
  });

  it('refuses an empty file as missing', async () => {
    expect((await refusal(new Uint8Array())).code).toBe<ErrorCode>('IMAGE_MISSING');
  });

  it('refuses more pixels than the limit, naming both', async () => {
    const bytes = await picture().png().toBuffer();
    expect(await sniffPhoto(bytes, { maxPixels: SIZE * 80 })).toMatchObject({ width: SIZE });
    const error = await refusal(bytes, { maxPixels: SIZE * 80 - 1 });
    expect(error.code).toBe('IMAGE_TOO_LARGE');
    expect(error.detail).toContain('120 x 80 pixels');
  });

  it.each([
    ['png', 16_385, 1],
    ['png', 1, 16_385],
    ['jpeg', 65_376, 2],
  ] as const)(
    'refuses a %s of %i x %i pixels: few, but too many of a side',
    async (format, width, height) => {
      const bytes = await sharp({ create: { width, height, channels: 3, background: '#888' } })
        .toFormat(format)
        .toBuffer();
      const error = await refusal(bytes);
      expect(error.code).toBe('IMAGE_TOO_LARGE');
      expect(error.detail).toContain(`${width} x ${height} pixels; at most 16384 a side`);
    },
  );

  it('takes a side of 16,384 pixels', async () => {
    const long = { create: { width: 16_384, height: 64, channels: 3 as const, background: '#888' } };
    expect(await sniffPhoto(await sharp(long).jpeg().toBuffer())).toMatchObject({ width: 16_384 });
  });

  it('reads the size of a decompression bomb without decoding it', async () => {
    const bomb = Buffer.from(await picture().png().toBuffer());
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    const begun = performance.now();
    const error = await refusal(bomb);
    expect(error.code).toBe('IMAGE_TOO_LARGE');
    expect(error.detail).toContain('3600.0 megapixels');
    expect(performance.now() - begun).toBeLessThan(300);
  });

  describe.each(['jpeg', 'png', 'webp', 'avif'] as const)('%s that is damaged', (format) => {
    let whole: Buffer;
    beforeAll(async () => {
      whole = await picture().toFormat(format).toBuffer();
    });

    it.each([0.02, 0.3, 0.6, 0.9])('is unreadable when cut off at %s of its length', async (part) => {
      const error = await refusal(whole.subarray(0, Math.max(16, Math.floor(whole.length * part))));
      expect(error.code).toBe('IMAGE_UNREADABLE');
      expect(error.detail).toContain('damaged or cut off');
    });

    it('is unreadable when only its first bytes are right', async () => {
      const noise = Buffer.from(whole).fill(0x5a, 24);
      expect((await refusal(noise)).code).toBe('IMAGE_UNREADABLE');
    });
  });
});

describe('sniffFormat', () => {
  it('looks at nothing but the bytes of its view', async () => {
    const png = await picture().png().toBuffer();
    const shifted = new Uint8Array(png.length + 3);
    shifted.set(png, 3);
    expect(sniffFormat(shifted)).toBeUndefined();
    expect(sniffFormat(shifted.subarray(3))).toBe('png');
  });
});
