/** A message of a model file by its fields. Every error says in which part of the file what was expected. */
import { type Field, readFields, readPackedInts } from '../protobuf.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class Message {
  private readonly fields = new Map<number, Field['value'][]>();

  /** `what` names the message in errors; `origin` is where the file starts in the buffer of `bytes`. */
  constructor(
    bytes: Uint8Array,
    readonly what: string,
    private readonly origin: number = bytes.byteOffset,
  ) {
    this.explain(() => {
      for (const { field, value } of readFields(bytes, origin)) {
        const list = this.fields.get(field);
        if (list) list.push(value);
        else this.fields.set(field, [value]);
      }
    });
  }

  has(field: number): boolean {
    return this.fields.has(field);
  }

  /** A nested message that must be there. */
  message(field: number, what: string): Message {
    const bytes = this.allBytes(field, what).at(-1);
    if (!bytes) throw new Error(`Not a readable ONNX file: ${this.what} has no ${what}`);
    return new Message(bytes, what, this.origin);
  }

  messages(field: number, what: (i: number) => string): Message[] {
    return this.allBytes(field, what(0)).map((bytes, i) => new Message(bytes, what(i), this.origin));
  }

  int(field: number): number {
    const value = this.fields.get(field)?.at(-1) ?? 0n;
    if (typeof value !== 'bigint') throw this.unexpected('a number', field);
    return Number(value);
  }

  /** Packed or one by one. */
  ints(field: number): number[] {
    return this.bigints(field).map(Number);
  }

  bigints(field: number): bigint[] {
    return this.explain(() =>
      (this.fields.get(field) ?? []).flatMap((v) =>
        typeof v === 'bigint' ? [v] : readPackedInts(v, this.origin),
      ),
    );
  }

  floats(field: number): number[] {
    return this.allBytes(field, 'numbers').flatMap((bytes) => [...new Float32Array(this.aligned(bytes, 4))]);
  }

  doubles(field: number): number[] {
    return this.allBytes(field, 'numbers').flatMap((bytes) => [...new Float64Array(this.aligned(bytes, 8))]);
  }

  /** Empty where there is none. */
  text(field: number): string {
    return this.texts(field).at(-1) ?? '';
  }

  texts(field: number): string[] {
    return this.allBytes(field, 'text').map((bytes) => {
      try {
        return utf8.decode(bytes);
      } catch {
        throw this.unexpected('text in UTF-8', field);
      }
    });
  }

  bytes(field: number): Uint8Array | undefined {
    return this.allBytes(field, 'bytes').at(-1);
  }

  private allBytes(field: number, what: string): Uint8Array[] {
    return (this.fields.get(field) ?? []).map((value) => {
      if (typeof value === 'bigint') throw this.unexpected(what, field);
      return value;
    });
  }

  /** A copy, for typed arrays must start at a multiple of their element size. */
  private aligned(bytes: Uint8Array, size: number): ArrayBuffer {
    if (bytes.length % size !== 0)
      throw new Error(
        `Not a readable ONNX file: expected a multiple of ${size} bytes in ${this.what} but found ${bytes.length}`,
      );
    return bytes.slice().buffer;
  }

  private unexpected(what: string, field: number): Error {
    return new Error(`Not a readable ONNX file: expected ${what} in field ${field} of ${this.what}`);
  }

  private explain<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Not a readable ONNX file: in ${this.what}, ${reason}`, { cause: error });
    }
  }
}
