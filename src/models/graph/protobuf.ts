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

/** Splits a message into its fields. Throws on anything that does not end where it says. */
export function* readFields(bytes: Uint8Array): Generator<Field> {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const key = Number(readVarint(bytes, cursor));
    const field = key >>> 3;
    if (field === 0) throw new Error(`Malformed message: field number 0 at byte ${cursor.at}`);
    switch (key & 7) {
      case VARINT:
        yield { field, value: readVarint(bytes, cursor) };
        break;
      case FIXED64:
        yield { field, value: take(bytes, cursor, 8) };
        break;
      case BYTES:
        yield { field, value: take(bytes, cursor, Number(readVarint(bytes, cursor))) };
        break;
      case FIXED32:
        yield { field, value: take(bytes, cursor, 4) };
        break;
      default:
        throw new Error(`Malformed message: wire type ${key & 7} at byte ${cursor.at}`);
    }
  }
}

/** The varints of a packed list. */
export function readPackedInts(bytes: Uint8Array): bigint[] {
  const cursor = { at: 0 };
  const out: bigint[] = [];
  while (cursor.at < bytes.length) out.push(readVarint(bytes, cursor));
  return out;
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at++];
    if (byte === undefined)
      throw new Error(`Malformed message: it ends inside a number at byte ${bytes.length}`);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
  }
  throw new Error(`Malformed message: a number of more than ten bytes before byte ${cursor.at}`);
}

function take(bytes: Uint8Array, cursor: { at: number }, length: number): Uint8Array {
  const end = cursor.at + length;
  if (length < 0 || end > bytes.length) {
    throw new Error(
      `Malformed message: ${length} bytes declared at byte ${cursor.at}, ${bytes.length - cursor.at} left`,
    );
  }
  const out = bytes.subarray(cursor.at, end);
  cursor.at = end;
  return out;
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
