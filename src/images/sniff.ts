/** Tells a picture's format from its first bytes: what a client says about it is never trusted. */

/** Formats that the service reads. */
export const PHOTO_FORMATS = ['jpeg', 'png', 'webp', 'avif'] as const;
export type PhotoFormat = (typeof PHOTO_FORMATS)[number];

export const isPhotoFormat = (name: string): name is PhotoFormat =>
  (PHOTO_FORMATS as readonly string[]).includes(name);

type Rule = readonly [name: string, offset: number, magic: string];

const RULES: readonly Rule[] = [
  ['jpeg', 0, '\xff\xd8\xff'],
  ['png', 0, '\x89PNG\r\n\x1a\n'],
  ['webp', 8, 'WEBP'],
  ['GIF', 0, 'GIF8'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['TIFF', 0, 'II+\0'],
  ['TIFF', 0, 'MM\0+'],
  ['BMP', 0, 'BM'],
  ['PDF', 0, '%PDF-'],
  ['PSD', 0, '8BPS'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL '],
  ['JPEG 2000', 4, 'jP  '],
  ['JPEG 2000', 0, '\xff\x4f\xff\x51'],
  ['ICO', 0, '\0\0\x01\0'],
  ['ZIP', 0, 'PK\x03\x04'],
  ['gzip', 0, '\x1f\x8b'],
];

/** Major and compatible brands of ISO base media files; the first match wins. */
const BRANDS: readonly (readonly [name: string, brands: readonly string[]])[] = [
  ['avif', ['avif', 'avis']],
  ['HEIC', ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs']],
  ['HEIF', ['mif1', 'msf1', 'mif2']],
  ['Canon CR3', ['crx ']],
];

/**
 * Name of the format: one of `PHOTO_FORMATS`, or another format's usual name; undefined when the bytes are none known.
 */
export function sniffFormat(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('latin1');
  if (head.startsWith('ftyp', 4)) return brandFormat(head, bytes);
  const rule = RULES.find(
    ([name, offset, magic]) => head.startsWith(magic, offset) && (name !== 'webp' || head.startsWith('RIFF')),
  );
  return rule?.[0] ?? markupFormat(head);
}

function brandFormat(head: string, bytes: Uint8Array): string {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const major = head.slice(8, 12);
  const compatible = head.slice(16, Math.min(length, head.length)).match(/.{4}/gs) ?? [];
  // An HEIC file may list generic brands first, so the major brand decides before the compatible ones.
  for (const list of [[major], compatible]) {
    const found = BRANDS.find(([name, brands]) => name !== 'HEIF' && list.some((b) => brands.includes(b)));
    if (found) return found[0];
  }
  const heif = BRANDS.find(([name]) => name === 'HEIF')![1];
  return [major, ...compatible].some((b) => heif.includes(b)) ? 'HEIF' : 'MP4 or QuickTime video';
}

function markupFormat(head: string): string | undefined {
  const text = head.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (/^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/is.test(text)) return 'SVG';
  if (/^<(!doctype html|html)[\s>]/i.test(text)) return 'HTML';
  return undefined;
}
