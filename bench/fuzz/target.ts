/** What is fuzzed: a reader of bytes that nobody vouches for, and inputs to start from. */
import type { Material } from './mutate.js';

export interface Target extends Material {
  /** Reads an input. Throws or rejects when it refuses it. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** Whether an error is a refusal that the reader is meant to give; any other is a failure. */
  readonly isRefusal: (error: unknown) => boolean;
  readonly close?: () => Promise<void>;
}

/** Errors that the language throws where a program forgot a case, as they are or inside of others. */
export const isAccident = (error: unknown): boolean =>
  !(error instanceof Error) ||
  ACCIDENTS.some((type) => error instanceof type) ||
  (error.cause !== undefined && isAccident(error.cause));

const ACCIDENTS = [TypeError, RangeError, ReferenceError, SyntaxError];

const utf8 = new TextEncoder();

/** Pieces of a text format. */
export const texts = (...list: readonly string[]): Uint8Array[] => list.map((text) => utf8.encode(text));

/** Bytes of a text, one for each character. */
export const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
