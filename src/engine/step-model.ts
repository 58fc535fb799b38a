/** The graphs of the steps, emitted once for each variant and cached beside the models by the hash of all that made them. */
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LatentSpace } from '../contracts.js';
import type { Graph } from '../models/graph/ir.js';
import { halfPrecision } from '../models/graph/passes/half-precision.js';
import { readOnnx } from '../models/graph/read-onnx.js';
import { verify } from '../models/graph/verify.js';
import { writeOnnx } from '../models/graph/write-onnx.js';
import type { ModelManifest } from '../models/manifest.js';
import {
  LOOP_GRAPH_SYMBOLS,
  loopGraph,
  type StepGraphOptions,
  stepGraph,
  targetGraph,
} from '../models/stylegan/step-graph.js';

/** Raised whenever emission changes: cached graphs of other revisions are not used. */
const REVISION = 11;

/**
 * Where half precision begins, for each photo: layers of 32 px and more. Below it gradients reach past a thousand, and
 * there is nothing to gain.
 */
const HALF = { leastMacs: 2 ** 27, leastElements: 2 ** 18 };

/** Side at which images are judged. */
export const TARGET_SIZE = 256;

/** What a projection varies: coordinates in which Adam moves, the number of free style vectors, and the batch. */
export interface StepVariant {
  space: LatentSpace;
  styles: number;
  /** Side in pixels at which the perceptual net judges. */
  judgedAt: number;
  /** Photos that take their steps together. */
  batch: number;
  /** LPIPS joins the loss. */
  lpips?: boolean;
  /** Convolutions in half precision: on a GPU, in the loop. */
  half?: boolean;
}

/** `step` and `target` are the two halves of the plain form, `loop` is all in one (see stylegan/step-graph.ts). */
export type StepPart = 'step' | 'target' | 'loop';

const SOURCES = [
  'synthesis.onnx',
  'vgg16.onnx',
  'whitening.onnx',
  'step-whitening.onnx',
  'step-colouring.onnx',
] as const;

/** Path of the ONNX file of one part of a variant, there or not: it changes with everything that shapes the graph. */
export function stepModelPath(
  modelsDir: string,
  manifest: ModelManifest,
  part: StepPart,
  variant: StepVariant,
): string {
  const { space, styles, judgedAt, batch, lpips = false, half } = variant;
  const varied = part === 'target' ? [judgedAt, batch, lpips] : [space, styles, judgedAt, batch, lpips];
  if (half && part !== 'loop') throw new Error(`Expected the loop in half precision but received '${part}'`);
  const hashes = SOURCES.map((name) => manifest.files[name]!.sha256);
  const key = createHash('sha256')
    .update(JSON.stringify([REVISION, TARGET_SIZE, half ? 'half' : part, varied, hashes]))
    .digest('hex')
    .slice(0, 16);
  return join(modelsDir, 'steps', `${part}-${key}.onnx`);
}

/** Path of the ONNX file of one part of a variant; emitted when it is not there yet. */
export async function stepModel(
  modelsDir: string,
  manifest: ModelManifest,
  part: StepPart,
  variant: StepVariant,
): Promise<string> {
  const path = stepModelPath(modelsDir, manifest, part, variant);
  if (await exists(path)) return path;
  const options = await optionsOf(modelsDir, variant);
  const partial = `${path}.${process.pid}.partial`;
  await mkdir(join(modelsDir, 'steps'), { recursive: true });
  await writeFile(partial, emit(part, options, variant));
  await rename(partial, path);
  return path;
}

function emit(part: StepPart, options: StepGraphOptions, { batch }: StepVariant): Uint8Array {
  switch (part) {
    case 'step':
      return writeOnnx(verify(stepGraph(options)));
    case 'target':
      return writeOnnx(verify(targetGraph(options)));
    case 'loop':
      return writeOnnx(verify(loop(options, batch)), { symbolic: LOOP_GRAPH_SYMBOLS });
  }
}

/** The loop in its precision. Thresholds grow with the batch: those of one photo are given. */
function loop(options: StepGraphOptions, batch: number): Graph {
  const graph = loopGraph(options);
  if (!options.half) return graph;
  return halfPrecision(graph, {
    leastMacs: HALF.leastMacs * batch,
    leastElements: HALF.leastElements * batch,
  }).graph;
}

async function optionsOf(modelsDir: string, variant: StepVariant): Promise<StepGraphOptions> {
  const { space, styles, judgedAt, batch, lpips, half } = variant;
  const read = async (name: (typeof SOURCES)[number], dims: Record<string, number>): Promise<Graph> =>
    readOnnx(await readFile(join(modelsDir, name)), { dims });
  const [synthesis, vgg, standard, whitening, colouring] = await Promise.all([
    read('synthesis.onnx', { N: batch }),
    read('vgg16.onnx', { N: batch, H: judgedAt, W: judgedAt }),
    // These take one image at a time, but any number of styles: a batch is one long row of them.
    read('whitening.onnx', { N: 1, L: batch * styles }),
    read('step-whitening.onnx', { N: 1, L: batch * styles }),
    read('step-colouring.onnx', { N: 1, L: batch * styles }),
  ]);
  return {
    synthesis,
    vgg,
    size: TARGET_SIZE,
    styles,
    lpips,
    half,
    ...(space === 'pn' && { space: { whitening, colouring, standard } }),
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
