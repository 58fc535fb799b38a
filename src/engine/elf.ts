/** What a shared library of Linux asks the loader for. Source: ELF-64 object file format, the "dynamic" segment. */
import { type FileHandle, open } from 'node:fs/promises';

const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const HEADER_BYTES = 64;
const SEGMENT = { load: 1, dynamic: 2 } as const;
const TAG = { end: 0, needed: 1, strings: 5, stringBytes: 10 } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/**
 * Names of the libraries that a shared library is linked against (DT_NEEDED), in their order. Reads a few kilobytes,
 * however large the file. Throws, naming the file, where it is no 64-bit little-endian ELF file or is cut off.
 */
export async function neededLibraries(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    return await needed(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} cannot be read as a shared library: ${reason}`, { cause: error });
  } finally {
    await file.close();
  }
}

async function needed(file: FileHandle): Promise<string[]> {
  const segments = await segmentsOf(file);
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (!dynamic) throw new Error('it has no dynamic segment');
  const entries = entriesOf(await read(file, dynamic.offset, dynamic.bytes));
  const entry = (tag: number): number => entries.find((one) => one.tag === tag)?.value ?? 0;
  const strings = await read(file, offsetOf(segments, entry(TAG.strings)), entry(TAG.stringBytes));
  return entries.filter(({ tag }) => tag === TAG.needed).map(({ value }) => textAt(strings, value));
}

async function segmentsOf(file: FileHandle): Promise<Segment[]> {
  const header = await read(file, 0, HEADER_BYTES);
  if (header.readUInt32BE(0) !== MAGIC) throw new Error('it is not an ELF file');
  if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN)
    throw new Error('expected a 64-bit, little-endian ELF file');
  const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
  const table = await read(file, number(header, 32), size * count);
  return Array.from({ length: count }, (_, i) => {
    const entry = table.subarray(i * size, (i + 1) * size);
    return {
      type: entry.readUInt32LE(0),
      offset: number(entry, 8),
      address: number(entry, 16),
      bytes: number(entry, 32),
    };
  });
}

function entriesOf(bytes: Buffer): { tag: number; value: number }[] {
  const entries: { tag: number; value: number }[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const tag = number(bytes, at);
    if (tag === TAG.end) break;
    entries.push({ tag, value: number(bytes, at + 8) });
  }
  return entries;
}

/** Addresses are those after loading: the loaded segment around one says where it lies in the file. */
function offsetOf(segments: readonly Segment[], address: number): number {
  const around = segments.find(
    ({ type, address: start, bytes }) => type === SEGMENT.load && address >= start && address < start + bytes,
  );
  if (!around) throw new Error(`no segment holds the address ${address}`);
  return around.offset + address - around.address;
}

function textAt(strings: Buffer, at: number): string {
  const end = strings.indexOf(0, at);
  if (end < 0) throw new Error(`the text at ${at} has no end`);
  return strings.toString('utf8', at, end);
}

const number = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

async function read(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (position + bytes > size) throw new Error(`it ends at byte ${size}, before byte ${position + bytes}`);
  const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer;
}
