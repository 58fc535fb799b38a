/** Which of the faces in a photo are embedded. */
import { AppError } from './errors.js';

/** The largest one, all, or the one with this place in the list, which begins with the largest. */
export type FaceChoice = 'largest' | 'all' | number;

/** Most embeddings that one photo may become. */
export const MAX_FACES = 16;

/** Places in the list of `count` faces, of which there is at least one. Throws FACE_INDEX_UNKNOWN and TOO_MANY_FACES. */
export function chosenFaces(choice: FaceChoice, count: number): number[] {
  if (choice === 'largest') return [0];
  if (choice === 'all') {
    if (count <= MAX_FACES) return Array.from({ length: count }, (_, i) => i);
    throw new AppError('TOO_MANY_FACES', {
      detail: `The photo shows ${count} faces, and \`face=all\` takes at most ${MAX_FACES}; choose some of them by index, one request each, as POST /faces lists them.`,
      extra: { faces: count },
    });
  }
  if (choice < count) return [choice];
  const range = count === 1 ? '0' : `0 to ${count - 1}`;
  throw new AppError('FACE_INDEX_UNKNOWN', {
    detail: `Received face ${choice}, but the photo shows ${count}; expected ${range}, the largest first.`,
    extra: { faces: count },
  });
}
