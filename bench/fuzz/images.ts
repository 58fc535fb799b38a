/** Photos as intake takes them in: told by their first bytes, decoded to the last row, turned upright and stored bare. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { AppError } from '../../src/errors.js';
import { encodeUpright, sniffPhoto } from '../../src/images.js';
import { mutated } from './mutate.js';
import { latin1, type Target } from './target.js';

const WIDTH = 96;

/** A photo of several people out of a package that is installed. */
const samplePhoto = (): string =>
  join(
    dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
    'demo/sample1.jpg',
  );

/** One real photo in every form that the decoders know: baseline and progressive, interlaced, palette, 16 bits, animated. */
async function seedsOf(photo: Uint8Array): Promise<Uint8Array[]> {
  const small = await sharp(photo).resize(WIDTH, 64, { fit: 'cover' }).png().toBuffer();
  const of = () => sharp(small);
  const frames = { raw: { width: 32, height: 64, channels: 3, pageHeight: 32 }, animated: true } as const;
  return Promise.all(
    [
      of().jpeg({ quality: 80 }),
      of().jpeg({ quality: 80, progressive: true, chromaSubsampling: '4:4:4' }),
      of().withMetadata({ orientation: 6 }).withIccProfile('p3').jpeg(),
      of().toColourspace('cmyk').jpeg(),
      of().png(),
      of().png({ progressive: true }),
      of().png({ palette: true }),
      of().toColourspace('rgb16').png(),
      of().webp({ quality: 70 }),
      of().webp({ lossless: true }),
      sharp(new Uint8Array(3 * 32 * 64).fill(99), frames).webp({ delay: [50, 50] }),
      of().avif({ effort: 0 }),
    ].map((image) => image.toBuffer()),
  );
}

const TOKENS = [
  '\xff\xd8\xff', '\xff\xd9', '\xff\xc0', '\xff\xc2', '\xff\xda', '\xff\xfe\xff\xff', 'Exif\0\0', 'MM\0*', 'II*\0', 'IHDR', 'IDAT', 'PLTE', 'tRNS', 'iCCP', 'acTL',
  'fdAT', 'IEND', 'RIFF', 'WEBP', 'VP8 ', 'VP8L', 'VP8X', 'ANIM', 'ANMF', 'ALPH', 'ftypavif', 'ftypheic', 'meta', 'iloc', 'ipma', 'av1C', 'ispe', 'mdat', 'grid', 'irot',
  'GIF89a', '%PDF-1.7', '<svg xmlns="http://www.w3.org/2000/svg">', '8BPS',
]; // biome-ignore format: markers

export async function imageTarget(): Promise<Target> {
  const seeds = await seedsOf(await readFile(samplePhoto()));
  return {
    seeds: seeds.map((bytes) => Uint8Array.from(bytes)),
    tokens: TOKENS.map(latin1),
    maxBytes: 65_536,
    change: (_bytes, { seeds, tokens, maxBytes }, random) =>
      withChecksums(mutated({ seeds, tokens, maxBytes }, random)),
    read: async (bytes) => {
      await sniffPhoto(bytes);
      await encodeUpright(bytes);
    },
    isRefusal: (error) => error instanceof AppError && error.status < 500,
  };
}

/** A PNG with the checksums of its chunks made right, so that changes reach the decoder; others as they are. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  if (!out.subarray(1, 4).equals(latin1('PNG'))) return bytes;
  for (let at = 8; at + 12 <= out.length; ) {
    const end = at + 8 + out.readUInt32BE(at);
    if (end + 4 > out.length) break;
    out.writeUInt32BE(crc32(out.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return out;
}
