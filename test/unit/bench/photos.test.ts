import { expect, test } from 'vitest';
import { faceAt, LISTS, type ListedFace, listedFaces, photoBytes } from '../../../bench/photos.js';
import type { Face } from '../../../src/contracts.js';

const [tuning, judging] = (await Promise.all(LISTS.map(listedFaces))) as [ListedFace[], ListedFace[]];

test.each([
  ['tuning', tuning],
  ['judging', judging],
] as const)('the %s list has at least eight different faces', (_, faces) => {
  expect(faces.length).toBeGreaterThanOrEqual(8);
  expect(new Set(faces.map(({ id }) => id)).size).toBe(faces.length);
  expect(new Set(faces.map(({ file, centre }) => `${file} ${centre}`)).size).toBe(faces.length);
});

test('what is tuned on is never judged by: the lists share no photo', () => {
  const files = new Set(tuning.map(({ file }) => file));
  expect(judging.filter(({ file }) => files.has(file))).toEqual([]);
});

test('the portraits of earlier tuning stay on that side, the known hard ones on the other', () => {
  expect(tuning.map(({ id }) => id)).toEqual(expect.arrayContaining(['obama-1', 'biden-1']));
  expect(judging.map(({ id }) => id)).toEqual(expect.arrayContaining(['astronaut-1', 'sample6-2']));
});

test('an id is the file and the place from the left', () => {
  for (const { id, file } of [...tuning, ...judging]) expect(file).toContain(`/${id.slice(0, -2)}.`);
});

test('photos of the installed package are there', async () => {
  const installed = [...tuning, ...judging].filter((face) => face.package.startsWith('@'));
  for (const face of installed) expect((await photoBytes(face)).subarray(0, 2).toString('hex')).toBe('ffd8');
});

const face = (x: number): Face => ({
  box: { x, y: 100, width: 80, height: 100 },
  score: 1,
  landmarks: [],
});
const listed: ListedFace = { id: 'a-1', package: 'scikit-image', file: 'a.png', centre: [245, 148] };

test('the listed face is the one at its centre, whatever else is found', () => {
  const faces = [face(0), face(200), face(260)];
  expect(faceAt({ faces }, listed)).toBe(faces[1]);
});

test('no other face stands in for one that is not found', () => {
  expect(() => faceAt({ faces: [face(0), face(260)] }, listed)).toThrow("(245, 148), where 'a-1' should be");
});
