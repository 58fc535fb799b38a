/** Which blobs of a folder go so that the rest stays within limits, whatever the store. */

export interface SweepLimits {
  maxBytes: number;
  /** Milliseconds since they were stored. */
  maxAge: number;
}

/** What a sweep deleted, and the bytes that it left. */
export interface Swept {
  deleted: number;
  bytes: number;
}

/** A blob as a listing of its folder tells of it. */
export interface Listed {
  key: string;
  bytes: number;
  /** Milliseconds since it was stored. */
  age: number;
}

/** Those that are too old, then the oldest ones until the rest fits; and the bytes of that rest. */
export function outsideLimits(
  listed: readonly Listed[],
  { maxBytes, maxAge }: SweepLimits,
): { keys: string[]; bytes: number } {
  const outside: { keys: string[]; bytes: number } = { keys: [], bytes: 0 };
  for (const { key, bytes, age } of listed.toSorted((a, b) => a.age - b.age)) {
    if (age <= maxAge && outside.bytes + bytes <= maxBytes) outside.bytes += bytes;
    else outside.keys.push(key);
  }
  return outside;
}
