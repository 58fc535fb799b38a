/** Reads the weight files of @vladmandic/face-api: a TensorFlow.js manifest beside one binary of 8-bit quantised values. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { f32, sizeOf, type Tensor } from '../graph/tensor.js';

interface ManifestEntry {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale: number; min: number };
}

/** Weights by name; a converter takes each once and `finish` proves that it took them all. */
export class FaceWeights {
  readonly #tensors: Map<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = new Map(tensors);
  }

  /** Takes the weight out. Throws when it is missing, was taken before, or has another shape. */
  take(name: string, shape: readonly number[]): Float32Array {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`Expected the face model to have a weight '${name}'`);
    if (tensor.shape.join() !== shape.join()) {
      throw new Error(`Expected shape [${shape}] for the weight '${name}' but received [${tensor.shape}]`);
    }
    this.#tensors.delete(name);
    return tensor.data as Float32Array;
  }

  /** Throws when a weight is left that is not in `ignored`. */
  finish(ignored: (name: string) => boolean = () => false): void {
    const left = [...this.#tensors.keys()].filter((name) => !ignored(name));
    if (left.length) throw new Error(`The face model has weights that nothing uses: ${left.join(', ')}`);
  }
}

/** Weights of one net of the npm package, e.g. `ssd_mobilenetv1`. */
export async function readFaceWeights(net: string): Promise<FaceWeights> {
  const root = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
  const manifest = JSON.parse(
    await readFile(join(root, 'model', `${net}_model-weights_manifest.json`), 'utf8'),
  );
  return new FaceWeights(parseFaceWeights(manifest, await readFile(join(root, 'model', `${net}_model.bin`))));
}

/** Dequantises q -> q * scale + min. Throws on anything but float32 and 8-bit entries that fill the binary exactly. */
export function parseFaceWeights(manifest: unknown, bytes: Uint8Array): Map<string, Tensor> {
  const groups = manifest as { paths: string[]; weights: ManifestEntry[] }[];
  if (!Array.isArray(groups) || groups.length !== 1 || groups[0]!.paths.length !== 1) {
    throw new Error('Expected a weight manifest with one group and one file');
  }
  const tensors = new Map<string, Tensor>();
  let offset = 0;
  for (const { name, shape, dtype, quantization } of groups[0]!.weights) {
    const packed = quantization?.dtype === 'uint8';
    if (!packed && (quantization || dtype !== 'float32')) {
      throw new Error(`Expected '${name}' as float32 or 8-bit but received ${quantization?.dtype ?? dtype}`);
    }
    const size = sizeOf(shape);
    const raw = new Uint8Array(bytes.subarray(offset, offset + (packed ? size : 4 * size)));
    offset += raw.length;
    if (raw.length !== (packed ? size : 4 * size)) throw new Error(`The weight file ends inside '${name}'`);
    const data = packed
      ? Float32Array.from(raw, (q) => q * quantization.scale + quantization.min)
      : new Float32Array(raw.buffer);
    tensors.set(name, f32(data, shape));
  }
  if (offset !== bytes.length) {
    throw new Error(`Expected ${offset} bytes of weights but received ${bytes.length}`);
  }
  return tensors;
}
