/** Who a face is: descriptors of aligned faces, and how far apart two of them are. */
import { writeOnnx } from '../graph/write-onnx.js';
import { ALIGNED_SIZE } from './align.js';
import { DESCRIPTOR_SIZE, IDENTITY_SIZE, identityGraph } from './identity-graph.js';
import type { Net, OpenNet } from './net.js';
import { readFaceWeights } from './weights.js';

/**
 * The square that is looked at: 600 px, brows to chin and ear to ear, so that each input pixel is the mean of 4 x 4. One
 * place for all faces, photo and reconstruction alike: whatever moved between the two counts as a difference.
 */
const CROP = { left: 212, top: 300, factor: 4 } as const;

/** The part of an aligned face that tells who it is: image [3,1024,1024] -1..1 (clipped) -> [3,150,150] 0..255. */
export function identityCrop(image: Float32Array): Float32Array {
  if (image.length !== 3 * ALIGNED_SIZE ** 2) {
    throw new RangeError(
      `Expected an image [3,${ALIGNED_SIZE},${ALIGNED_SIZE}] but received ${image.length} values`,
    );
  }
  const { left, top, factor } = CROP;
  const crop = new Float32Array(3 * IDENTITY_SIZE ** 2);
  const scale = 127.5 / factor ** 2;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < factor * IDENTITY_SIZE; y++) {
      const from = (c * ALIGNED_SIZE + top + y) * ALIGNED_SIZE + left;
      const to = (c * IDENTITY_SIZE + Math.floor(y / factor)) * IDENTITY_SIZE;
      for (let x = 0; x < factor * IDENTITY_SIZE; x++) {
        const value = Math.max(-1, Math.min(1, image[from + x]!));
        crop[to + Math.floor(x / factor)]! += (value + 1) * scale;
      }
    }
  }
  return crop;
}

/** Euclidean distance of two descriptors [128]. */
export function descriptorDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== DESCRIPTOR_SIZE || b.length !== DESCRIPTOR_SIZE) {
    throw new RangeError(
      `Expected descriptors of ${DESCRIPTOR_SIZE} values but received ${a.length}, ${b.length}`,
    );
  }
  return Math.hypot(...a.map((value, i) => value - b[i]!));
}

export class Identity {
  private constructor(private readonly net: Net) {}

  /** Converts the weights of the installed face-api package (local files only) and opens the net. */
  static async load(open: OpenNet): Promise<Identity> {
    return new Identity(await open(writeOnnx(identityGraph(await readFaceWeights('face_recognition'), 1))));
  }

  /** Descriptor [128] of an aligned face, image [3,1024,1024] -1..1. */
  async describe(image: Float32Array): Promise<Float32Array> {
    const shape = [1, 3, IDENTITY_SIZE, IDENTITY_SIZE];
    const { descriptors } = await this.net.run({ faces: { data: identityCrop(image), shape } });
    return descriptors!.data;
  }

  release(): Promise<void> {
    return this.net.release();
  }
}
