/** Photographs of several people for the tests: the samples inside the @vladmandic/face-api package. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** `sample1.jpg` .. `sample6.jpg`, 1920 pixels wide, three to five faces each, some in profile or looking down. */
export function samplePhoto(number: 1 | 2 | 3 | 4 | 5 | 6): Promise<Buffer> {
  const root = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
  return readFile(join(root, 'demo', `sample${number}.jpg`));
}

/** A small photo with a face, for tests in which no model looks at it. */
export const SMALL_PHOTO = new URL(
  '../../node_modules/@vladmandic/face-api/demo/sample1.jpg',
  import.meta.url,
);
