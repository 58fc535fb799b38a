/** Where a render is drawn into a photo: what a request asks for against what was kept of the photo. */
import type { EmbeddingRecord, Place, Placement, Point, Quad } from '../contracts.js';
import { AppError } from '../errors.js';
import type { AppDeps } from './app.js';
import { received } from './expected.js';
import { MAX_PLACED_SIZE } from './morph-schemas.js';

/** Side of the generator's images. */
const SQUARE = 1024;

export interface Placed {
  placement: Placement;
  /** Pixels: of the square, or of the longer side of the photo. */
  size?: number;
  /** Whose photo. */
  into?: string;
}

/** Side of the square. Throws BAD_REQUEST for what only a placement in a photo has. */
export function squareSize({ placement, size = SQUARE, into }: Placed): number {
  if (placement === 'original') return SQUARE;
  if (into !== undefined)
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`into\` ${received(into)} with placement aligned, which has no photo; expected placement original, or no \`into\`.`,
    });
  if (size <= SQUARE) return size;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected an integer from 64 to ${SQUARE} for \`size\` with placement aligned but received ${received(size)}.`,
  });
}

/**
 * Where the face goes in the photo of this embedding, which the request calls `parameter`; undefined with placement aligned.
 * Throws EMBEDDING_NOT_FOUND, ORIGINAL_NOT_KEPT, and BAD_REQUEST for a size above that of the photo.
 */
export async function placeOf(
  { records, blobs }: Pick<AppDeps, 'records' | 'blobs'>,
  tenant: string,
  { placement, size }: Placed,
  { parameter, id }: { parameter?: string; id: string },
): Promise<Place | undefined> {
  if (placement === 'aligned') return undefined;
  const record = await records.find(tenant, id);
  if (!record) throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was deleted a moment ago.' });
  const photo = photoOf(record);
  if (!photo || !(await blobs.has(photo.original))) {
    const which = parameter ? `the embedding given as \`${parameter}\`` : 'the embedding';
    throw new AppError('ORIGINAL_NOT_KEPT', {
      detail: `The photo of ${which} was not kept, so that nothing can be drawn into it; ask with placement aligned, or embed the photo again.`,
      extra: { ...(parameter && { parameter }), embedding: id },
    });
  }
  const longer = Math.max(photo.width, photo.height);
  if (size !== undefined && size > longer)
    throw new AppError('BAD_REQUEST', {
      detail: `Received \`size\` ${received(size)} for a photo of ${photo.width} x ${photo.height} pixels; expected at most ${longer}, its longer side, or no \`size\`.`,
    });
  return reducedTo(photo, Math.min(longer, size ?? MAX_PLACED_SIZE));
}

function photoOf({ width, height, quad, faces, face = 0, blobs }: EmbeddingRecord): Place | undefined {
  const landmarks = faces?.[face]?.landmarks;
  const { original } = blobs;
  return original && width && height && quad && landmarks
    ? { original, width, height, quad, landmarks }
    : undefined;
}

/** The place at the size whose longer side is `longer`, of at least a pixel each way. */
function reducedTo({ original, width, height, quad, landmarks }: Place, longer: number): Place {
  const scale = longer / Math.max(width, height);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const moved = ([x, y]: Point): Point => [(x * w) / width, (y * h) / height];
  return { original, width: w, height: h, quad: quad.map(moved) as Quad, landmarks: landmarks.map(moved) };
}
