/** The smallest 64-bit shared library that names what it is linked against: two segments and a dynamic section, no code. */

const HEADER = 64;
const SEGMENT = 56;
/** Where the file is said to be loaded: away from 0, so that addresses and offsets differ. */
const BASE = 0x10000;

export function sharedLibrary(needed: readonly string[]): Buffer {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`);
  const dynamicAt = HEADER + 2 * SEGMENT;
  const dynamic = Buffer.alloc((needed.length + 3) * 16);
  const stringsAt = dynamicAt + dynamic.length;
  const bytes = stringsAt + strings.length;
  const entries = [
    ...needed.map((name) => [1, strings.indexOf(`\0${name}\0`) + 1]),
    [5, BASE + stringsAt],
    [10, strings.length],
    [0, 0],
  ];
  entries.flat().forEach((value, i) => {
    dynamic.writeBigUInt64LE(BigInt(value), i * 8);
  });

  const header = Buffer.alloc(HEADER);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeBigUInt64LE(BigInt(HEADER), 32);
  header.writeUInt16LE(SEGMENT, 54);
  header.writeUInt16LE(2, 56);
  return Buffer.concat([
    header,
    segment({ type: 1, offset: 0, bytes }),
    segment({ type: 2, offset: dynamicAt, bytes: dynamic.length }),
    dynamic,
    strings,
  ]);
}

function segment({ type, offset, bytes }: { type: number; offset: number; bytes: number }): Buffer {
  const entry = Buffer.alloc(SEGMENT);
  entry.writeUInt32LE(type, 0);
  for (const [at, value] of [
    [8, offset],
    [16, BASE + offset],
    [32, bytes],
  ] as const) {
    entry.writeBigUInt64LE(BigInt(value), at);
  }
  return entry;
}
