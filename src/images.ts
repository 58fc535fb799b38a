/** Reads and writes pictures. The only importer of sharp; every untrusted byte passes here. */
import sharp, { type Sharp } from 'sharp';
import type { FrameFormat } from './contracts.js';
import { AppError } from './errors.js';
import { isPhotoFormat, type PhotoFormat, sniffFormat } from './images/sniff.js';
import { areaTensor, type Rgb8, tensorToRgb8 } from './images/tensors.js';

// A picture uses one thread (the CPU belongs to inference) and nothing is worth caching.
sharp.concurrency(1);
sharp.cache(false);
// Only the decoders of accepted formats can run, whatever a file claims to be.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif'].map((name) => `VipsForeignLoad${name}Buffer`),
});

const ACCEPTED = 'Accepted are JPEG, PNG, WebP and AVIF';

/** What an image loses least where nothing else is asked for, 1..100. */
export const DEFAULT_QUALITY = 92;
/** 0..9: twice as long for a few percent of the bytes are not worth a wait. */
const AVIF_EFFORT = 2;

/** Pixels of a side: decoders need memory and time by the row or column, whatever the area. No camera has more. */
const MAX_SIDE = 16_384;

/** Default limit of a picture that already passed intake, in pixels. */
const MAX_PIXELS = 64e6;

export interface PhotoInfo {
  format: PhotoFormat;
  /** Size in pixels with the EXIF orientation applied. */
  width: number;
  height: number;
}

/**
 * Checks an untrusted photo: accepted format by content, size within `maxPixels` (read before anything is decoded), and
 * decodable to its last row. Throws IMAGE_MISSING, IMAGE_UNSUPPORTED, IMAGE_TOO_LARGE or IMAGE_UNREADABLE.
 */
export async function sniffPhoto(
  bytes: Uint8Array,
  { maxPixels = MAX_PIXELS }: { maxPixels?: number } = {},
): Promise<PhotoInfo> {
  if (bytes.length === 0) {
    throw new AppError('IMAGE_MISSING', { detail: `The photo has 0 bytes. ${ACCEPTED}.` });
  }
  const format = sniffFormat(bytes);
  if (!format || !isPhotoFormat(format)) throw unsupported(format);
  const { autoOrient } = await guarded(() => sharp(bytes, { limitInputPixels: false }).metadata());
  const { width, height } = autoOrient;
  if (width * height > maxPixels) {
    const [has, limit] = [width * height, maxPixels].map((n) => `${(n / 1e6).toFixed(1)} megapixels`);
    throw new AppError('IMAGE_TOO_LARGE', {
      detail: `The photo has ${width} x ${height} pixels (${has}); at most ${limit} are accepted. Reduce it and send it again.`,
    });
  }
  if (Math.max(width, height) > MAX_SIDE)
    throw new AppError('IMAGE_TOO_LARGE', {
      detail: `The photo has ${width} x ${height} pixels; at most ${MAX_SIDE} a side are accepted. Reduce it and send it again.`,
    });
  // A small thumbnail still reads the file to its end: the cheapest proof that it can be decoded.
  await guarded(() => decoder(bytes).resize(16, 16, { fit: 'fill' }).raw().toBuffer());
  return { format, width, height };
}

function unsupported(format: string | undefined): AppError {
  const received = format ? `The file is ${format}` : 'The file is not a picture of a known format';
  const way =
    format === 'HEIC' || format === 'HEIF'
      ? 'Convert it to JPEG; an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible.'
      : 'Save the photo as JPEG or PNG and send it again.';
  return new AppError('IMAGE_UNSUPPORTED', { detail: `${received}. ${ACCEPTED}. ${way}` });
}

async function guarded<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    throw new AppError('IMAGE_UNREADABLE', {
      detail: 'The photo is damaged or cut off and cannot be decoded. Send the complete, original file.',
      cause,
    });
  }
}

/** First frame, upright, alpha over white, 8-bit sRGB. Cut-off files are errors, mere warnings are not. */
const decoder = (bytes: Uint8Array) =>
  sharp(bytes, { failOn: 'error', limitInputPixels: false })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb');

/** Pixels of a picture that passed `sniffPhoto`, upright, 8-bit sRGB. Throws IMAGE_UNREADABLE. */
export async function upright(bytes: Uint8Array): Promise<Rgb8> {
  const { data, info } = await guarded(() => decoder(bytes).raw().toBuffer({ resolveWithObject: true }));
  if (info.channels !== 3) throw new Error(`Expected 3 channels but received ${info.channels}`);
  return { data, width: info.width, height: info.height };
}

/** The same, reduced to exactly width x height while it is decoded, so that a large one is never held whole. */
export async function uprightAt(bytes: Uint8Array, width: number, height: number): Promise<Rgb8> {
  const data = await guarded(() => decoder(bytes).resize(width, height, { fit: 'fill' }).raw().toBuffer());
  if (data.length !== 3 * width * height)
    throw new Error(`Expected 3 channels but received ${data.length} bytes`);
  return { data, width, height };
}

/** A picture turned upright as JPEG 4:4:4 of quality 95, all metadata (place, camera, orientation) left out. */
export async function encodeUpright(bytes: Uint8Array): Promise<Uint8Array> {
  return guarded(() => decoder(bytes).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer());
}

/** rgb8 pixels reduced (or enlarged) to exactly width x height. */
export async function resize(image: Rgb8, width: number, height: number): Promise<Rgb8> {
  const data = await fromRgb8(image).resize(width, height, { fit: 'fill' }).raw().toBuffer();
  return { data, width, height };
}

/** Gaussian blur with a standard deviation in pixels; wide ones are computed on a reduced picture. */
export async function blur(image: Rgb8, sigma: number): Promise<Rgb8> {
  const reduction = Math.max(1, Math.floor(sigma / 2));
  const [width, height] = [image.width, image.height].map((n) => Math.max(1, Math.round(n / reduction)));
  const small = await resize(image, width!, height!);
  const data = await fromRgb8(small)
    .blur(Math.max(0.3, sigma / reduction))
    .raw()
    .toBuffer();
  return resize({ ...small, data }, image.width, image.height);
}

/** Lossless PNG of rgb8 pixels. */
export async function encodePng(image: Rgb8): Promise<Uint8Array> {
  return fromRgb8(image).png().toBuffer();
}

/** Image tensor [3,size,size] -1..1 of a picture, squeezed to a square; reductions are exact area means. */
export async function toTensor(bytes: Uint8Array, size: number): Promise<Float32Array> {
  const image = await upright(bytes);
  const large = image.width >= size && image.height >= size;
  return areaTensor(large ? image : await resize(image, size, size), size);
}

export interface EncodeOptions {
  format: FrameFormat;
  /** Output width in pixels; by default the tensor's. The height follows. */
  size?: number;
  /** 1..100 for JPEG, WebP and AVIF. */
  quality?: number | undefined;
}

/** Encodes an image tensor [3,height,width] -1..1 (clipped) without any metadata. */
export async function encodeTensor(
  chw: Float32Array,
  width: number,
  height: number,
  { size = width, ...encoding }: EncodeOptions,
): Promise<Uint8Array> {
  const image = fromRgb8(tensorToRgb8(chw, width, height));
  return encoded(size === width ? image : image.resize(size), encoding);
}

/** Encodes rgb8 pixels without any metadata. */
export const encodeRgb8 = (image: Rgb8, encoding: Omit<EncodeOptions, 'size'>): Promise<Uint8Array> =>
  encoded(fromRgb8(image), encoding);

async function encoded(
  image: Sharp,
  { format, quality = DEFAULT_QUALITY }: Omit<EncodeOptions, 'size'>,
): Promise<Uint8Array> {
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
    case 'webp':
      return image.webp({ quality }).toBuffer();
    case 'avif':
      return image.avif({ quality, effort: AVIF_EFFORT }).toBuffer();
    case 'png':
      return image.png().toBuffer();
    case 'gif':
      return image.gif().toBuffer();
  }
}

const fromRgb8 = ({ data, width, height }: Rgb8) => sharp(data, { raw: { width, height, channels: 3 } });

export interface SheetCell {
  /** An encoded picture; it is fitted into its square. */
  image: Uint8Array;
  label: string;
}

const GAP = 12;
const LABEL_HEIGHT = 30;

/** One picture of rows of labelled pictures on white, each picture in a square of `cell` pixels; PNG by default. */
export async function contactSheet(
  rows: readonly (readonly SheetCell[])[],
  { cell = 256, ...encoding }: { cell?: number } & Partial<Omit<EncodeOptions, 'size'>> = {},
): Promise<Uint8Array> {
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const layers = rows.flatMap((row, r) =>
    row.map(async ({ image, label }, c) => {
      const left = GAP + c * (cell + GAP);
      const top = GAP + r * (cell + LABEL_HEIGHT + GAP);
      const background = '#ffffff';
      const picture = await decoder(image)
        .resize(cell, cell, { fit: 'contain', background })
        .png()
        .toBuffer();
      const text = await labelText(label, cell);
      const layer = { input: picture, left, top };
      return text ? [layer, { input: text, left, top: top + cell + 6 }] : [layer];
    }),
  );
  const width = GAP + columns * (cell + GAP);
  const height = GAP + Math.max(1, rows.length) * (cell + LABEL_HEIGHT + GAP);
  const sheet = sharp({ create: { width, height, channels: 3, background: '#ffffff' } });
  return encoded(sheet.composite((await Promise.all(layers)).flat()), { format: 'png', ...encoding });
}

/** Text drawn without SVG, whose loader stays blocked; undefined when it is blank. */
async function labelText(label: string, width: number): Promise<Buffer | undefined> {
  if (!label.trim()) return undefined;
  const escaped = label.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return sharp({ text: { text: escaped, font: 'sans', dpi: 110, rgba: true } })
    .resize({ width, height: LABEL_HEIGHT - 8, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer();
}
