/** The file in which a process notes the input that it has in hand: its index, its length (32 bits each), the input. */
import { readFileSync, writeSync } from 'node:fs';
import type { Counts, Failure } from './fuzz.js';

const HEAD = 8;
const NONE = 0xffffffff;

/** What the file holds before the first input. */
export const nothingInHand = (): Buffer => Buffer.alloc(HEAD, 0xff);

export function noteInput(file: number, index: number, input: Uint8Array): void {
  const bytes = Buffer.allocUnsafe(HEAD + input.length);
  bytes.writeUInt32LE(index, 0);
  bytes.writeUInt32LE(input.length, 4);
  bytes.set(input, HEAD);
  writeSync(file, bytes, 0, bytes.length, 0);
}

export function inputInHand(path: string): { index: number; input: Uint8Array } | undefined {
  const bytes = readFileSync(path);
  const index = bytes.readUInt32LE(0);
  return index === NONE ? undefined : { index, input: bytes.subarray(HEAD, HEAD + bytes.readUInt32LE(4)) };
}

/** What such a process tells the one that watches it; the input of a failure in base64. */
export type Message =
  | { kind: 'counts'; counts: Counts }
  | { kind: 'end'; counts: Counts; failures: (Omit<Failure, 'input'> & { input: string })[] };
