/** Loaders of libvips that no photo of a stranger may reach, each with bytes that it reads where it is not blocked. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeUpright, sniffPhoto, upright } from '../../src/images.js';

const picture = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } });
const text = (content: string) => async (): Promise<Buffer> => Buffer.from(content, 'latin1');
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';

/** What the library of this package can read, beside the formats of photos. */
const READABLE: [name: string, make: () => Promise<Buffer>][] = [
  ['SVG', text(SVG)],
  ['SVG behind a comment longer than the first bytes', text(`<!--${'x'.repeat(600)}-->${SVG}`)],
  ['GIF', () => picture().gif().toBuffer()],
  ['TIFF', () => picture().tiff().toBuffer()],
  ['TIFF with a JPEG inside', () => picture().tiff({ compression: 'jpeg' }).toBuffer()],
];

/** What other builds of it read. */
const OTHERS: [name: string, make: () => Promise<Buffer>][] = [
  ['PDF', text('%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF')],
  ['PPM', text('P6 1 1 255\nabc')],
  ['PFM', text('PF\n1 1\n-1.0\n\0\0\0\0\0\0\0\0\0\0\0\0')],
  ['FITS', text(`${'SIMPLE  =                    T'.padEnd(80)}${'BITPIX  =                    8'.padEnd(80)}`.padEnd(2880))],
  ['Radiance', text('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\nabcd')],
  ['CSV', text('1,2\n3,4\n')],
  ['ImageMagick MVG', text("push graphic-context\nviewbox 0 0 8 8\nimage over 0,0 0,0 'file:///etc/passwd'\npop graphic-context")],
  ['PSD', text('8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x08\0\0\0\x08\0\x08\0\x03')],
  ['raw of a camera', text('II*\0\x10\0\0\0CR\x02\0')],
  ['DICOM', text(`${'\0'.repeat(128)}DICM`)],
  ['JPEG 2000', text('\0\0\0\x0cjP  \r\n\x87\n')],
  ['JPEG XL', text('\xff\x0a\0\0')],
  ['OpenEXR', text('\x76\x2f\x31\x01\x02\0\0\0')],
  ['vips', text('\x08\xf2\xa6\xb6\x08\0\0\0\x08\0\0\0\x03\0\0\0')],
  ['HEIC', text('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
]; // biome-ignore format: a row each

describe.each([...READABLE, ...OTHERS])('%s', (_name, make) => {
  it('is refused by intake, and by the decoder where intake were wrong', async () => {
    const bytes = await make();
    await expect(sniffPhoto(bytes)).rejects.toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
    await expect(upright(bytes)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    await expect(encodeUpright(bytes)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});

it.each(READABLE)('%s is read where nothing is blocked', async (_name, make) => {
  const script = `import sharp from 'sharp';
    const { width } = await sharp(Buffer.from('${(await make()).toString('base64')}', 'base64')).metadata();
    console.log(width);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  expect(stdout.trim()).toBe('8');
});

it('no loader reads a file by its path, even of an accepted format', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loaders-'));
  try {
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff', 'v'] as const) {
      const path = join(folder, `photo.${format}`);
      await writeFile(
        path,
        format === 'v' ? new Uint8Array(64) : await picture().toFormat(format).toBuffer(),
      );
      await expect(sharp(path).metadata(), format).rejects.toThrow();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
