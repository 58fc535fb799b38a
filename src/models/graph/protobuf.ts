/** Protocol Buffers wire format, as far as ONNX uses it. Source: protobuf.dev/programming-guides/encoding. */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const text = new TextEncoder();

/** Collects the fields of one message; nested messages and tensor bytes are held by reference until `finish`. */
export class MessageWriter {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;

  /** int32, int64, enum, bool. Negative numbers take ten bytes, as the format asks. */
  int(field: number, value: number | bigint): this {
    this.key(field, VARINT);
    return this.push(varint(BigInt(value)));
  }

  float(field: number, value: number): this {
    this.key(field, FIXED32);
    return this.push(new Uint8Array(new Float32Array([value]).buffer));
  }

  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    this.key(field, BYTES);
    this.push(varint(BigInt(value.length)));
    return this.push(value);
  }

  message(field: number, value: MessageWriter): this {
    this.key(field, BYTES);
    this.push(varint(BigInt(value.length)));
    for (const chunk of value.chunks) this.push(chunk);
    return this;
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }

  private key(field: number, wire: number): void {
    this.push(varint(BigInt((field << 3) | wire)));
  }

  private push(chunk: Uint8Array): this {
    this.chunks.push(chunk);
    this.length += chunk.length;
    return this;
  }
}

/** One field of a message: a varint, four or eight bytes, or a byte string (text, nested message, packed list). */
export interface Field {
  readonly field: number;
  readonly value: bigint | Uint8Array;
}

/** Where a reader stands in a message, and where that message's file starts in the buffer they share. */
interface Cursor {
  readonly bytes: Uint8Array;
  readonly origin: number;
  at: number;
}

/** Splits a message into its fields. Throws, with the place in the file, on anything that does not end where it says. */
export function* readFields(bytes: Uint8Array, origin: number = bytes.byteOffset): Generator<Field> {
  const cursor = { bytes, origin, at: 0 };
  while (cursor.at < bytes.length) {
    const key = Number(readVarint(cursor));
    const field = key >>> 3;
    if (field === 0) throw new Error(`found a field of number 0 before byte ${place(cursor)}`);
    switch (key & 7) {
      case VARINT:
        yield { field, value: readVarint(cursor) };
        break;
      case FIXED64:
        yield { field, value: take(cursor, field, 8) };
        break;
      case BYTES:
        yield { field, value: take(cursor, field, Number(readVarint(cursor))) };
        break;
      case FIXED32:
        yield { field, value: take(cursor, field, 4) };
        break;
      default:
        throw new Error(`found a field of unknown wire type ${key & 7} before byte ${place(cursor)}`);
    }
  }
}

/** The varints of a packed list. */
export function readPackedInts(bytes: Uint8Array, origin: number = bytes.byteOffset): bigint[] {
  const cursor = { bytes, origin, at: 0 };
  const out: bigint[] = [];
  while (cursor.at < bytes.length) out.push(readVarint(cursor));
  return out;
}

/** Counted from the start of the file. */
const place = ({ bytes, origin, at }: Cursor): number => bytes.byteOffset - origin + at;

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined)
      throw new Error(`expected a number at byte ${place(cursor)} but the data end there`);
    cursor.at++;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
  }
  throw new Error(`found a number of more than ten bytes before byte ${place(cursor)}`);
}

function take(cursor: Cursor, field: number, length: number): Uint8Array {
  const left = cursor.bytes.length - cursor.at;
  if (length < 0 || length > left) {
    throw new Error(
      `expected ${length} bytes of field ${field} at byte ${place(cursor)} but ${left} are left`,
    );
  }
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const out: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    out.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}
