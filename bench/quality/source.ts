/** The photos of a run: one of the two lists, or a folder, whose largest faces are taken as the service takes them. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { EmbedAlone, KnownFace } from '../../src/cli/offline/embed-alone.js';
import { encodeUpright, sniffPhoto } from '../../src/images.js';
import { faceAt, LISTS, type ListName, listedFaces, photoBytes } from '../photos.js';
import { say } from '../workspace.js';

export type Source = { list: ListName } | { folder: string };

export interface SourcePhoto {
  id: string;
  /** sha256 of the file and of what tells which of its faces is meant. */
  hash: string;
  /** Finds the face; undefined when there is none. */
  open: (service: Pick<EmbedAlone, 'call'>) => Promise<KnownFace | undefined>;
}

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif']);

export const sourceName = (source: Source): string =>
  'list' in source ? source.list : idOf(basename(source.folder));

/** The first `limit` photos in the order of the list, or of the names of the files. Throws for a folder without any. */
export async function sourcePhotos(source: Source, limit = Number.POSITIVE_INFINITY): Promise<SourcePhoto[]> {
  return 'list' in source ? ofList(source.list, limit) : ofFolder(source.folder, limit);
}

async function ofList(name: ListName, limit: number): Promise<SourcePhoto[]> {
  const listed = (await listedFaces(name)).slice(0, limit);
  return Promise.all(
    listed.map(async (face) => {
      const bytes = await photoBytes(face);
      return {
        id: face.id,
        hash: hashOf(bytes, face.centre.join()),
        open: async (service) => {
          const stored = await encodeUpright(bytes);
          const detection = await service.call('detect', { image: stored });
          const { width, height } = detection;
          return { bytes: stored, face: faceAt(detection, face), width, height };
        },
      };
    }),
  );
}

async function ofFolder(folder: string, limit: number): Promise<SourcePhoto[]> {
  const names = (await readdir(folder)).filter((name) => EXTENSIONS.has(extname(name).toLowerCase())).sort();
  if (names.length === 0) throw new Error(`${folder} holds no JPEG, PNG, WebP or AVIF file`);
  const ids = uniqueIds(names);
  return Promise.all(
    names.slice(0, limit).map(async (name, i) => {
      const bytes = await readFile(join(folder, name));
      return {
        id: ids[i]!,
        hash: hashOf(bytes, 'largest'),
        open: async (service) => {
          await sniffPhoto(bytes);
          const stored = await encodeUpright(bytes);
          const { faces, width, height } = await service.call('detect', { image: stored });
          if (faces[0]) return { bytes: stored, face: faces[0], width, height };
          say(`${name}: no face was found; it is left out`);
          return undefined;
        },
      };
    }),
  );
}

/** File names as ids, a number behind those that would be equal. */
export function uniqueIds(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const id = idOf(basename(name, extname(name)));
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1 ? id : `${id}_${count}`;
  });
}

const idOf = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '_') || 'photo';

const hashOf = (bytes: Uint8Array, which: string): string =>
  createHash('sha256').update(bytes).update(which).digest('hex');

/** The source that `--photos` or `--list` names, the judging photos when neither is given. */
export function sourceOption({
  photos,
  list,
}: {
  photos?: string | undefined;
  list?: string | undefined;
}): Source {
  if (photos !== undefined && list !== undefined)
    throw new Error('Expected --photos or --list but received both');
  if (photos !== undefined) return { folder: photos };
  const name = LISTS.find((known) => known === (list ?? 'judging'));
  if (!name) throw new Error(`Expected ${LISTS.join(' or ')} for --list but received '${list}'`);
  return { list: name };
}
