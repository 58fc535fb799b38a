/** `npm run bench:paste`: how well faces sit in photos, by way of matching colours, in figures and as a sheet to look at. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EmbedAlone } from '../src/cli/offline/embed-alone.js';
import type { Face, Quad } from '../src/contracts.js';
import { Faces } from '../src/engine/faces.js';
import { Generator } from '../src/engine/generator.js';
import { type Rgb8, tensorToRgb8 } from '../src/images/tensors.js';
import { contactSheet, encodePng, encodeUpright, resize, type SheetCell, upright } from '../src/images.js';
import { alignmentQuad } from '../src/models/face/align.js';
import { sideOf, warp } from '../src/models/face/warp.js';
import { morph } from '../src/models/morph.js';
import { colourField, FIELD_SIZE } from '../src/models/paste/colour.js';
import { draw } from '../src/models/paste/draw.js';
import { softMask } from '../src/models/paste/mask.js';
import { fitted, outlinesOf } from '../src/models/paste/paste.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { reinhard } from './paste/reinhard.js';
import { type Seam, seamOf } from './paste/seam.js';
import { faceAt, LISTS, type ListedFace, type ListName, listedFaces, photoBytes } from './photos.js';
import { setEngineEnvironment } from './quality/engine-environment.js';
import { keyOf } from './quality/key.js';
import { embeddingOptions } from './quality/options.js';
import { table } from './table.js';
import { CACHE, MODELS_DIR, models, say } from './workspace.js';

const USAGE = `Usage: npm run bench:paste [-- OPTIONS]

  --list NAME      photos: tuning (default) or judging
  --photos N       the first N of them (default: all)
  --preset NAME    of the embeddings, which are kept (default draft)
  --lambda N       weight of the photo's own latent in the morph with the next photo's (default 0.5)`;

interface Options {
  list: ListName;
  photos: number;
  preset: string;
  lambda: number;
}

interface Subject {
  id: string;
  photo: Rgb8;
  face: Face;
  quad: Quad;
  latent: Float32Array;
}

/** What is done about colours before the face is drawn. */
const MATCHES = ['none', 'mean and deviation', 'field'] as const;
type Match = (typeof MATCHES)[number];

async function main({ list, photos, preset, lambda }: Options): Promise<void> {
  const manifest = await models();
  const subjects = await subjectsOf((await listedFaces(list)).slice(0, photos), preset);
  const session = { device: 'cpu', threads: 2 } as const;
  const generator = await Generator.load({ modelsDir: MODELS_DIR, manifest, session });
  const faces = await Faces.load({ session });
  const { styles: layers, styleDim: dim, resolution: side } = manifest.generator;
  const kinds = ['reconstruction', 'morph'] as const;
  const found = new Map<string, Seam[]>();
  const rows: SheetCell[][] = [];
  for (const [i, subject] of subjects.entries()) {
    const next = subjects[(i + 1) % subjects.length]!;
    const row: SheetCell[] = [
      { image: await encodePng(await cutOut(subject.photo, subject)), label: subject.id },
    ];
    for (const kind of kinds) {
      const own = kind === 'morph' ? lambda : 1;
      const mixed = { mode: 'linear', lambda: own, crossover: 0 } as const;
      const latent = morph(subject.latent, next.latent, { layers, dim }, mixed);
      const face = tensorToRgb8(await generator.render(latent), side, side);
      const landmarks = await faces.landmarksOfAligned(face);
      row.push({ image: await encodePng(face), label: kind === 'morph' ? `with ${next.id}` : kind });
      const outlines = outlinesOf({ quad: subject.quad, landmarks: subject.face.landmarks }, face, landmarks);
      for (const match of MATCHES) {
        const after = await pasted(subject, face, outlines, match);
        const seam = await seamOf(subject.photo, after, subject.quad, outlines);
        const name = `${kind}, ${match}`;
        found.set(name, [...(found.get(name) ?? []), seam]);
        const label = `${match}: ${seam.gradient.toFixed(2)}, ${seam.step.toFixed(1)}`;
        row.push({ image: await encodePng(await cutOut(after, subject)), label });
      }
    }
    rows.push(row);
  }
  const lines = [...found].map(([name, seams]) => {
    const column = (of: (seam: Seam) => number): string[] => {
      const values = seams.map(of);
      const mean = values.reduce((sum, value) => sum + value) / values.length;
      return [mean.toFixed(2), Math.max(...values).toFixed(2)];
    };
    return [name, ...column(({ gradient }) => gradient), ...column(({ step }) => step)];
  });
  console.log(table([['image, match', 'gradient', 'largest', 'step', 'largest'], ...lines]));
  const sheet = join(CACHE, `paste-${list}-${preset}.png`);
  await writeFile(sheet, await contactSheet(rows, { cell: 320 }));
  say(`Sheet: ${sheet}`);
}

/** The photo with the face drawn into it, as `paste` does it but for the colours. */
async function pasted(
  { photo, quad }: Subject,
  face: Rgb8,
  outlines: ReturnType<typeof outlinesOf>,
  match: Match,
): Promise<Rgb8> {
  const after = { ...photo, data: Uint8Array.from(photo.data) };
  const mask = softMask(outlines, FIELD_SIZE);
  let shown = face;
  let field = new Float32Array(3 * FIELD_SIZE * FIELD_SIZE);
  if (match === 'field') field = Float32Array.from(await colourField(photo, face, quad, mask));
  if (match === 'mean and deviation') {
    const edge = mask.map((m) => 4 * m * (1 - m));
    const small = await resize(face, FIELD_SIZE, FIELD_SIZE);
    shown = reinhard(face, small, await warp(photo, quad, FIELD_SIZE), edge);
  }
  const fitting = await fitted(shown, quad);
  draw(after, fitting, field, softMask(outlines, fitting.width), quad);
  return after;
}

/** The aligned square of the photo, upright as it was aligned. */
const cutOut = (photo: Rgb8, { quad }: Subject): Promise<Rgb8> =>
  warp(photo, quad, Math.min(512, Math.ceil(sideOf(quad))));

/** The faces embedded with this preset; what was embedded once is kept. */
async function subjectsOf(listed: readonly ListedFace[], preset: string): Promise<Subject[]> {
  const manifest = await models();
  setEngineEnvironment(2);
  const service = new EmbedAlone();
  try {
    const subjects: Subject[] = [];
    for (const one of listed) {
      const bytes = await encodeUpright(await photoBytes(one));
      const { width, height, ...detection } = await service.call('detect', { image: bytes });
      const face = faceAt(detection, one);
      const options = embeddingOptions({ preset });
      const folder = join(CACHE, 'paste');
      const path = join(folder, `${one.id}-${keyOf(manifest, one, options)}.f32`);
      let latent: Uint8Array | undefined = await readFile(path).catch(() => undefined);
      if (!latent) {
        say(`Embedding ${one.id} ...`);
        latent = (await service.embed({ bytes, face, width, height }, options, () => {})).latent;
        if (!latent) throw new Error(`The projection of '${one.id}' left no latent`);
        await mkdir(folder, { recursive: true });
        await writeFile(path, latent);
      }
      subjects.push({
        id: one.id,
        photo: await upright(bytes),
        face,
        quad: alignmentQuad(face.landmarks),
        latent: new Float32Array(Uint8Array.from(latent).buffer),
      });
    }
    return subjects;
  } finally {
    await service.close();
  }
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      list: { type: 'string', default: 'tuning' },
      photos: { type: 'string', default: '99' },
      preset: { type: 'string', default: 'draft' },
      lambda: { type: 'string', default: '0.5' },
    },
  });
  const list = LISTS.find((name) => name === values.list);
  if (!list) throw new Error(`Expected one of ${LISTS.join(', ')} for --list but received '${values.list}'`);
  const lambda = Number(values.lambda);
  if (!(lambda >= 0 && lambda <= 1))
    throw new Error(`Expected a number from 0 to 1 for --lambda but received '${values.lambda}'`);
  return { list, photos: integerOption('photos', values.photos), preset: values.preset, lambda };
}

await command(USAGE, optionsOf, main);
