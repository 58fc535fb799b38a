/** What the experiments share: photos, projections by the paper's protocol, and pictures of latents. */
import type { EmbeddingOptions } from '../../src/contracts.js';
import { contactSheet, encodeTensor, type SheetCell } from '../../src/images.js';
import { progress } from '../progress.js';
import { embeddingOptions } from '../quality/options.js';
import { pairsOf } from '../quality/pairs.js';
import { type Embedded, embedded, type PhotoBench } from '../quality/photo.js';
import type { SourcePhoto } from '../quality/source.js';

const SHOWN = 256;

export interface Setting {
  photos: readonly SourcePhoto[];
  /** Adam steps of each projection. */
  steps: number;
  /** Most pairs of photos. */
  pairs: number;
}

type Varied = Partial<Pick<EmbeddingOptions, 'styles' | 'pixelWeight'>>;

export class Laboratory {
  constructor(
    readonly bench: PhotoBench,
    readonly setting: Setting,
  ) {}

  /** One sentence on how the latents were made. */
  get protocol(): string {
    const { photos, steps } = this.setting;
    const ids = photos.map(({ id }) => id).join(', ');
    return `The paper's protocol: Adam on W at a constant rate of 0.01 from the average latent, ${steps} steps (the paper takes 2,000). Losses are those of the result at 256 px. Photos: ${ids}.`;
  }

  /** Every photo projected with every variant, a row of variants for each photo; photos without a face are left out. */
  async project(variants: readonly Varied[]): Promise<Embedded[][]> {
    const { photos, steps } = this.setting;
    const bar = progress('steps', photos.length * variants.length * steps);
    const rows = new Map<SourcePhoto, Embedded[]>(photos.map((photo) => [photo, []]));
    // Variant by variant: each of them needs step graphs of its own.
    for (const varied of variants) {
      const options = embeddingOptions({ preset: 'paper', steps, ...varied });
      for (const photo of photos) {
        let at = 0;
        const one = await embedded(this.bench, photo, options, ({ step, loss }) => {
          bar.tick(`${photo.id} ${JSON.stringify(varied)}: loss ${loss.toFixed(0)}`, step - at);
          at = step;
        });
        bar.tick(photo.id, steps - at);
        if (one) rows.get(photo)!.push(one);
      }
    }
    bar.stop();
    return [...rows.values()].filter((row) => row.length === variants.length);
  }

  pairs<T>(photos: readonly T[]): [T, T][] {
    const pairs = pairsOf(photos.length, this.setting.pairs);
    if (pairs.length === 0) throw new Error('Expected at least two photos with a face');
    return pairs.map(([a, b]) => [photos[a]!, photos[b]!]);
  }

  /** The image of a latent, JPEG 256 px. */
  async picture(latent: Float32Array): Promise<Uint8Array> {
    const image = await this.bench.judge.render(latent);
    const side = Math.sqrt(image.length / 3);
    return encodeTensor(image, side, side, { format: 'jpeg', size: SHOWN });
  }

  sheet(rows: readonly (readonly SheetCell[])[]): Promise<Uint8Array> {
    return contactSheet(rows, { cell: SHOWN / 2 });
  }
}
