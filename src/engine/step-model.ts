/** The step graph of a number of styles, emitted once and cached beside the models by the hash of all that made it. */
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LatentSpace } from '../contracts.js';
import { readOnnx } from '../models/graph/read-onnx.js';
import { verify } from '../models/graph/verify.js';
import { writeOnnx } from '../models/graph/write-onnx.js';
import type { ModelManifest } from '../models/manifest.js';
import { STEP_GRAPH_SYMBOLS, stepGraph } from '../models/stylegan/step-graph.js';

/** Raised whenever emission changes: cached graphs of other revisions are not used. */
const REVISION = 3;

/** Side at which images are judged. */
export const TARGET_SIZE = 256;

/** What a projection varies: coordinates in which Adam moves, and the number of free style vectors. */
export interface StepVariant {
  space: LatentSpace;
  styles: number;
  /** Side in pixels at which the perceptual net judges. */
  judgedAt: number;
}

/** Path of the ONNX file that takes the Adam steps of a variant; emitted when it is not there yet. */
export async function stepModel(
  modelsDir: string,
  manifest: ModelManifest,
  variant: StepVariant,
): Promise<string> {
  const sources = ['synthesis.onnx', 'vgg16.onnx', 'whitening.onnx', 'colouring.onnx'] as const;
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        REVISION,
        TARGET_SIZE,
        variant.space,
        variant.styles,
        variant.judgedAt,
        sources.map((name) => manifest.files[name]!.sha256),
      ]),
    )
    .digest('hex')
    .slice(0, 16);
  const path = join(modelsDir, 'steps', `projection-${key}.onnx`);
  if (await exists(path)) return path;
  const [synthesis, vgg, whitening, colouring] = await Promise.all(
    sources.map(async (name) =>
      readOnnx(await readFile(join(modelsDir, name)), {
        dims: { N: 1, L: variant.styles, H: variant.judgedAt, W: variant.judgedAt },
      }),
    ),
  );
  const graph = verify(
    stepGraph({
      synthesis: synthesis!,
      vgg: vgg!,
      size: TARGET_SIZE,
      styles: variant.styles,
      space: variant.space === 'pn' ? { whitening: whitening!, colouring: colouring! } : undefined,
    }),
  );
  const partial = `${path}.${process.pid}.partial`;
  await mkdir(join(modelsDir, 'steps'), { recursive: true });
  await writeFile(partial, writeOnnx(graph, { symbolic: STEP_GRAPH_SYMBOLS }));
  await rename(partial, path);
  return path;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
