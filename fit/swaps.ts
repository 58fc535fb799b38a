/**
 * What each style does: pairs of the generator's faces, and the first of each with one style after another of the second.
 * One file a pair, so that a run that was cut off goes on where it was.
 */
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS_DIR } from '../bench/workspace.js';
import { Faces } from '../src/engine/faces.js';
import { openSession, type Session } from '../src/engine/session.js';
import { areaTensor, tensorToRgb8 } from '../src/images/tensors.js';
import { encodePng } from '../src/images.js';
import { readOnnx } from '../src/models/graph/read-onnx.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { normalFrom } from '../src/models/random.js';
import { renderGraph } from './samples.js';

/** Side at which faces are looked for. */
const RENDERED = 256;
/** Side at which images are kept. */
export const KEPT = 128;
const POINTS = 68;

export interface Look {
  /** Image [3,KEPT,KEPT] -1..1. */
  image: Float32Array;
  /** Landmarks in shares of the side, x and y in turn [136]; NaN where no face was found. */
  landmarks: Float32Array;
}

const LOOK = 3 * KEPT * KEPT + 2 * POINTS;

const pairFile = (folder: string, index: number): string => join(folder, `${index}.bin`);

/** Makes pairs 0 .. count-1 of a seed in `folder`; those that are there stay as they are. */
export async function drawSwaps(
  folder: string,
  {
    count,
    seed,
    threads,
    styles,
    dim,
  }: { count: number; seed: number; threads: number; styles: number; dim: number },
  onPair: (index: number) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const options = { device: 'cpu' as const, threads };
  const read = async (name: string) => readOnnx(await readFile(join(MODELS_DIR, name)), { dims: { N: 1 } });
  const mapping = await openSession(join(MODELS_DIR, 'mapping.onnx'), { ...options, dimensions: { N: 1 } });
  const generator = await openSession(
    writeOnnx(renderGraph(await read('synthesis.onnx'), RENDERED)),
    options,
  );
  const faces = await Faces.load({ session: { threads } });
  for (let index = 0; index < count; index++) {
    const file = pairFile(folder, index);
    if (!(await exists(file))) {
      const [a, b] = await pairLatents(mapping, { seed, index, dim });
      const parts: Float32Array[] = [];
      for (let swapped = -1; swapped < styles; swapped++) {
        const w = new Float32Array(styles * dim);
        for (let style = 0; style < styles; style++) w.set(style === swapped ? b : a, style * dim);
        const { image } = await generator.run({ w: { data: w, shape: [1, styles, dim] } });
        const picture = tensorToRgb8(image!.data, RENDERED, RENDERED);
        const [found] = (await faces.detect(await encodePng(picture))).faces;
        const points = found?.landmarks.flatMap(([x, y]) => [x / RENDERED, y / RENDERED]);
        parts.push(
          areaTensor(picture, KEPT),
          Float32Array.from(points ?? Array(2 * POINTS).fill(Number.NaN)),
        );
      }
      await writeFile(`${file}.partial`, Buffer.concat(parts.map((x) => Buffer.from(x.buffer))));
      await rename(`${file}.partial`, file);
    }
    onPair(index);
  }
  await Promise.all([mapping.release(), generator.release(), faces.release()]);
}

/** The latents w [dim] of pair `index` of a seed. */
export async function pairLatents(
  mapping: Session,
  { seed, index, dim }: { seed: number; index: number; dim: number },
): Promise<[Float32Array, Float32Array]> {
  // Apart by odd constants: streams of neighbouring seeds and pairs share no start.
  const normal = normalFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const latent = async (): Promise<Float32Array> => {
    const z = Float32Array.from({ length: dim }, normal);
    return (await mapping.run({ z: { data: z, shape: [1, dim] } })).w!.data;
  };
  return [await latent(), await latent()];
}

/** A pair as it was drawn: the first face, then with each style of the second. */
export async function readSwaps(folder: string, index: number): Promise<Look[]> {
  const all = new Float32Array(Uint8Array.from(await readFile(pairFile(folder, index))).buffer);
  return Array.from({ length: all.length / LOOK }, (_, i) => {
    const at = i * LOOK;
    return {
      image: all.subarray(at, at + 3 * KEPT * KEPT),
      landmarks: all.subarray(at + 3 * KEPT * KEPT, at + LOOK),
    };
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
