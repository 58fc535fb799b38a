/** Reads single files out of the two archive formats of Python packages: wheels (zip) and sdists (tar.gz). */
import { gunzipSync, inflateRawSync } from 'node:zlib';

/** Paths of the files in an archive, each with a function that unpacks it. */
export type Archive = ReadonlyMap<string, () => Buffer>;

/** Opens a `.whl`/`.zip` or `.tar.gz` archive held in memory. The folder around everything in a tar.gz is left out of the paths. */
export function openArchive(file: string, bytes: Buffer): Archive {
  if (/\.(whl|zip)$/.test(file)) return openZip(bytes);
  if (/\.(tar\.gz|tgz)$/.test(file)) return openTar(gunzipSync(bytes));
  throw new Error(`Expected a .whl, .zip or .tar.gz archive but received '${file}'`);
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/** PKWARE APPNOTE 4.3, without zip64, encryption and archives in several parts. */
function openZip(bytes: Buffer): Archive {
  const signature = Buffer.from([0x50, 0x4b, 0x05, 0x06]);
  const end = bytes.lastIndexOf(signature);
  if (end < 0 || bytes.readUInt32LE(end) !== END_OF_DIRECTORY)
    throw new Error('Not a zip archive: it has no end of directory');
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  const files = new Map<string, () => Buffer>();
  for (let i = 0; i < count; i++) {
    if (bytes.readUInt32LE(at) !== DIRECTORY_ENTRY)
      throw new Error(`Broken zip archive: no directory entry at ${at}`);
    const method = bytes.readUInt16LE(at + 10);
    const packed = bytes.readUInt32LE(at + 20);
    const size = bytes.readUInt32LE(at + 24);
    const nameLength = bytes.readUInt16LE(at + 28);
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    if (!name.endsWith('/')) files.set(name, () => unzip(bytes, { name, method, packed, size, local }));
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return files;
}

interface ZipEntry {
  name: string;
  method: number;
  packed: number;
  size: number;
  /** Offset of the local header. */
  local: number;
}

function unzip(bytes: Buffer, { name, method, packed, size, local }: ZipEntry): Buffer {
  if (bytes.readUInt32LE(local) !== LOCAL_ENTRY)
    throw new Error(`Broken zip archive: no entry for '${name}'`);
  const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const data = bytes.subarray(start, start + packed);
  if (method !== STORED && method !== DEFLATED)
    throw new Error(`'${name}' is packed by method ${method}, which is not supported`);
  const out =
    method === STORED ? Buffer.from(data) : inflateRawSync(data, { maxOutputLength: Math.max(size, 1) });
  if (out.length !== size)
    throw new Error(`Broken zip archive: '${name}' has ${out.length} bytes, expected ${size}`);
  return out;
}

const BLOCK = 512;

/** POSIX ustar with pax and GNU long names. Links and devices are passed over. */
function openTar(bytes: Buffer): Archive {
  const files = new Map<string, () => Buffer>();
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const field = (offset: number, length: number): string =>
      bytes.toString('utf8', at + offset, at + offset + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12).trim() || '0', 8);
    const start = at + BLOCK;
    if (!(size >= 0) || start + size > bytes.length)
      throw new Error(`Broken tar archive: entry at ${at} has no valid size`);
    const prefix = field(257, 5) === 'ustar' ? field(345, 155) : '';
    const name: string = longName ?? (prefix ? `${prefix}/` : '') + field(0, 100);
    const data = bytes.subarray(start, start + size);
    const type = field(156, 1);
    longName = undefined;
    if (type === 'x') longName = paxPath(data);
    else if (type === 'L') longName = data.toString('utf8').replace(/\0.*$/s, '');
    else if (type === '0' || type === '') files.set(name.replace(/^[^/]*\//, ''), () => Buffer.from(data));
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** The `path` record of a pax header: records are `LENGTH KEY=VALUE\n`. */
const paxPath = (data: Buffer): string | undefined =>
  /(?:^|\n)\d+ path=([^\n]*)\n/.exec(data.toString('utf8'))?.[1];
