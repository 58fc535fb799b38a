/** What the map does to pairs that it was not measured on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS_DIR } from '../bench/workspace.js';
import { openSession, type Session } from '../src/engine/session.js';
import { GraphBuilder } from '../src/models/graph/builder.js';
import { readOnnx } from '../src/models/graph/read-onnx.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { MASK_SIDE } from '../src/models/regions/map.js';
import { spatialStyles } from '../src/models/regions/spatial-styles.js';
import { reduceImage } from '../src/models/stylegan/loss.js';

/** Side at which mixes are drawn. */
export const MIXED = 256;
/** A place of the mask has this many pixels along an axis. */
const CELL = MIXED / MASK_SIDE;
/** Weights from which a place counts as inside, and below which as outside of a part. */
const [INSIDE, OUTSIDE] = [0.5, 0.02];

export interface Pair {
  /** W+ [styles * dim]. */
  a: Float32Array;
  b: Float32Array;
}

/** Draws images [3,MIXED,MIXED] of two latents under a mask. */
export class Mixer {
  private constructor(
    private readonly session: Session,
    private readonly shape: readonly [number, number],
  ) {}

  static async load(threads: number): Promise<Mixer> {
    const read = await readFile(join(MODELS_DIR, 'synthesis.onnx'));
    const regions = spatialStyles(readOnnx(read, { dims: { N: 2 } }));
    const b = new GraphBuilder('mixes');
    const inputs = regions.inputs.map((name) => {
      const { dtype, shape } = regions.types.get(name)!;
      return [name, b.input(name, dtype, shape)] as const;
    });
    const image = b.inline(regions, new Map(inputs), 'R.').get('image')!;
    b.output(reduceImage(b, image, MIXED), 'image');
    const [, styles, dim] = regions.types.get('w')!.shape as [number, number, number];
    return new Mixer(await openSession(writeOnnx(b.build()), { device: 'cpu', threads }), [styles, dim]);
  }

  async mix({ a, b }: Pair, mask: Float32Array): Promise<Float32Array> {
    const [styles, dim] = this.shape;
    const w = new Float32Array(2 * styles * dim);
    w.set(a);
    w.set(b, styles * dim);
    const { image } = await this.session.run({
      w: { data: w, shape: [2, styles, dim] },
      mask: { data: mask, shape: [styles, MASK_SIDE, MASK_SIDE] },
    });
    return image!.data;
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** The largest weight over styles at each place [MASK_SIDE,MASK_SIDE]. */
export function footprint(mask: Float32Array): Float32Array {
  const plane = MASK_SIDE * MASK_SIDE;
  const most = new Float32Array(plane);
  mask.forEach((weight, i) => {
    most[i % plane] = Math.max(most[i % plane]!, weight);
  });
  return most;
}

/** Sums of squared changes inside and outside of a part, and how many values each is of. */
export class Change {
  private readonly squares = [0, 0];
  private readonly counts = [0, 0];

  /** Images [3,MIXED,MIXED]; `places` is the part's footprint. */
  add(base: Float32Array, image: Float32Array, places: Float32Array): void {
    const plane = MIXED * MIXED;
    for (let i = 0; i < base.length; i++) {
      const [x, y] = [i % MIXED, Math.floor((i % plane) / MIXED)];
      const weight = places[Math.floor(y / CELL) * MASK_SIDE + Math.floor(x / CELL)]!;
      const side = weight >= INSIDE ? 0 : weight < OUTSIDE ? 1 : undefined;
      if (side === undefined) continue;
      this.squares[side]! += (image[i]! - base[i]!) ** 2;
      this.counts[side]!++;
    }
  }

  /** Root mean squared. */
  get inside(): number {
    return Math.sqrt(this.squares[0]! / this.counts[0]!);
  }

  get outside(): number {
    return Math.sqrt(this.squares[1]! / this.counts[1]!);
  }
}
