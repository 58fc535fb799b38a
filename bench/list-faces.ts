/**
 * `npm run bench:faces`: every face that the detector finds in the photos at hand, as JSON lines to choose the lists in
 * `bench/photos` from, and a sheet of the aligned crops in `.cache/bench/faces.png`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Faces } from '../src/engine/faces.js';
import { contactSheet, type SheetCell } from '../src/images.js';
import { centreOf, type ListedFace, type PhotoFile, photoBytes } from './photos.js';
import { CACHE, say } from './workspace.js';

const FILES: readonly PhotoFile[] = [
  ...[1, 2, 3, 4, 5, 6].map((n) => ({
    package: '@vladmandic/face-api' as const,
    file: `demo/sample${n}.jpg`,
  })),
  { package: 'face_recognition', file: 'tests/test_images/obama.jpg' },
  { package: 'face_recognition', file: 'tests/test_images/biden.jpg' },
  { package: 'scikit-image', file: 'skimage/data/astronaut.png' },
];

const faces = await Faces.load({ session: { threads: 2 } });
const rows: SheetCell[][] = [];
for (const file of FILES) {
  const bytes = await photoBytes(file);
  const found = (await faces.detect(bytes)).faces.sort((a, b) => centreOf(a)[0] - centreOf(b)[0]);
  const row: SheetCell[] = [];
  for (const [i, face] of found.entries()) {
    const [x, y] = centreOf(face).map(Math.round) as [number, number];
    const id = `${basename(file.file, extname(file.file))}-${i + 1}`;
    const listed: ListedFace = { id, ...file, centre: [x, y] };
    console.log(`${JSON.stringify(listed)} ${Math.round(face.box.width)} px, score ${face.score.toFixed(2)}`);
    row.push({ image: (await faces.align(bytes, face.landmarks)).aligned, label: id });
  }
  rows.push(row);
}
await faces.release();
await mkdir(CACHE, { recursive: true });
await writeFile(join(CACHE, 'faces.png'), await contactSheet(rows));
say(`Sheet: ${join(CACHE, 'faces.png')}`);
