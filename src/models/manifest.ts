/** What the models directory holds: where each model comes from, its licence, hash, inputs and outputs. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { STYLE_DIM, STYLES } from '../contracts.js';

export const MANIFEST = 'manifest.json';
export const MODEL_FILES = [
  'mapping.onnx',
  'synthesis.onnx',
  'whitening.onnx',
  'colouring.onnx',
  'step-whitening.onnx',
  'step-colouring.onnx',
  'vgg16.onnx',
  'lpips.onnx',
  'measure.onnx',
  'encoder.onnx',
] as const;
export type ModelFile = (typeof MODEL_FILES)[number];

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Numbers = Type.Array(Type.Number(), { minItems: STYLE_DIM, maxItems: STYLE_DIM });
/** Sizes of a tensor's axes; a letter is an axis of any size. */
const Axes = Type.Record(Type.String(), Type.Array(Type.Union([Type.Integer(), Type.String()])));

const FileEntry = Type.Object({
  sha256: Hash,
  bytes: Type.Integer(),
  /** Package and version from which the weights were read. */
  source: Type.String(),
  licence: Type.String(),
  inputs: Axes,
  outputs: Axes,
});
export type FileEntry = Static<typeof FileEntry>;

export const ModelManifest = Type.Object({
  /** Changes with everything that shapes the files: pinned packages and the converter. */
  recipe: Type.String(),
  generator: Type.Object({
    name: Type.String(),
    /** sha256 of the source weights: equal hashes mean equal latent spaces, however the graph is written. */
    hash: Hash,
    styles: Type.Literal(STYLES),
    styleDim: Type.Literal(STYLE_DIM),
    resolution: Type.Integer(),
  }),
  /** Mean and standard deviation of each dimension of w over mapped seeded z. */
  averageLatent: Numbers,
  latentStd: Numbers,
  latentSamples: Type.Object({ count: Type.Integer(), seed: Type.Integer() }),
  files: Type.Record(Type.String(), FileEntry),
  licences: Type.Array(
    Type.Object({
      files: Type.Array(Type.String()),
      work: Type.String(),
      licence: Type.String(),
      note: Type.Optional(Type.String()),
    }),
  ),
});
export type ModelManifest = Static<typeof ModelManifest>;

/** The manifest of a models directory. Throws an error that says how to make one where it is missing or broken. */
export async function readManifest(modelsDir: string): Promise<ModelManifest> {
  const path = join(modelsDir, MANIFEST);
  const manifest = parseManifest(await readFile(path, 'utf8').catch(() => ''));
  if (!manifest) throw new Error(`${path} is missing or broken: run \`npm run models\``);
  return manifest;
}

/**
 * The manifest, with every file as it says: whoever runs models reads it so. Throws what `readManifest` throws, and an error
 * that names the files that are missing, cut short or changed.
 */
export async function readVerified(modelsDir: string): Promise<ModelManifest> {
  const manifest = await readManifest(modelsDir);
  const broken: string[] = [];
  for (const file of MODEL_FILES) {
    const hash = await sha256Of(join(modelsDir, file)).catch(() => undefined);
    if (hash !== manifest.files[file]!.sha256) broken.push(file);
  }
  if (broken.length === 0) return manifest;
  throw new Error(
    `${broken.join(', ')} in ${modelsDir} ${broken.length > 1 ? 'have' : 'has'} not the sha256 of ${MANIFEST}: run \`npm run models\``,
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

/** The manifest in a text, or undefined where the text is none. */
export function parseManifest(text: string): ModelManifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Value.Check(ModelManifest, value)) return undefined;
  return MODEL_FILES.every((name) => value.files[name]) ? value : undefined;
}
