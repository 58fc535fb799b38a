/** How soon a streamed answer begins, and how long it takes in all. */
import { get } from 'node:http';

export interface Streamed {
  /** Milliseconds from the request to the first byte of the body. */
  firstByteMs: number;
  totalMs: number;
  bytes: number;
}

/** Rejects when the answer is not 200 or breaks off. */
export function streamed(url: string): Promise<Streamed> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let firstByteMs = 0;
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        if (bytes === 0) firstByteMs = performance.now() - begun;
        bytes += part.length;
      });
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 200
          ? resolve({ firstByteMs, totalMs: performance.now() - begun, bytes })
          : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    }).once('error', reject);
  });
}
