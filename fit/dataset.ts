/** Samples as the matrices of the regression: channels reduced, every block on one scale, all centred. */
import { FEATURE_BLOCKS } from '../src/models/encoder/features.js';
import { placesOf } from '../src/models/encoder/weights.js';
import { leadingDirections } from './algebra.js';
import { type Matrix, matrix, type Products } from './products.js';
import type { Sample } from './sampler.js';

export type ReadSample = (index: number) => Promise<Sample>;

/** Samples whose features are multiplied at a time. */
const GROUP = 25;

/** Leading principal directions [kept, channels] of each block over all its places; none where all channels are kept. */
export async function principalChannels(
  products: Products,
  read: ReadSample,
  count: number,
  kept: readonly number[],
): Promise<(Matrix | undefined)[]> {
  const covariances = FEATURE_BLOCKS.map(({ channels }) => new Float64Array(channels * channels));
  const sums = FEATURE_BLOCKS.map(({ channels }) => new Float64Array(channels));
  for (let from = 0; from < count; from += GROUP) {
    const joined = await group(read, from, Math.min(count, from + GROUP));
    for (const [i, block] of joined.entries()) {
      if (!kept[i]) continue;
      const { data } = await products.timesTransposed(block, block);
      data.forEach((x, at) => {
        covariances[i]![at]! += x;
      });
      for (let c = 0; c < block.rows; c++)
        sums[i]![c]! += block.data
          .subarray(c * block.columns, (c + 1) * block.columns)
          .reduce((a, x) => a + x, 0);
    }
  }
  return Promise.all(
    FEATURE_BLOCKS.map(async ({ channels, cells }, i) => {
      const rank = kept[i];
      if (!rank) return undefined;
      const total = count * cells;
      const centred = matrix(
        channels,
        channels,
        Float32Array.from(
          covariances[i]!,
          (x, at) =>
            x / total - (sums[i]![Math.floor(at / channels)]! * sums[i]![at % channels]!) / total ** 2,
        ),
      );
      const found = await leadingDirections(channels, rank, async (columns) => {
        const image = await products.times(centred, matrix(channels, rank, Float32Array.from(columns)));
        return Float64Array.from(image.data);
      });
      const rows = matrix(rank, channels);
      for (let r = 0; r < rank; r++)
        for (let c = 0; c < channels; c++) rows.data[r * channels + c] = found[c * rank + r]!;
      return rows;
    }),
  );
}

/** Features [count, places] of samples, blocks one after another, channels reduced. */
export async function featuresOf(
  products: Products,
  read: ReadSample,
  count: number,
  channels: readonly (Matrix | undefined)[],
): Promise<Matrix> {
  const out = matrix(count, placesOf(channels.map((m) => m?.rows ?? 0)));
  for (let from = 0; from < count; from += GROUP) {
    const to = Math.min(count, from + GROUP);
    const joined = await group(read, from, to);
    let at = 0;
    for (const [i, block] of joined.entries()) {
      const { cells } = FEATURE_BLOCKS[i]!;
      const reduced = channels[i] ? await products.times(channels[i], block) : block;
      for (let c = 0; c < reduced.rows; c++) {
        for (let s = 0; s < to - from; s++) {
          const start = c * reduced.columns + s * cells;
          out.data.set(
            reduced.data.subarray(start, start + cells),
            (from + s) * out.columns + at + c * cells,
          );
        }
      }
      at += reduced.rows * cells;
    }
  }
  return out;
}

/** Mean of the first `rows` rows; subtracts it from all. */
export function centre(m: Matrix, rows: number): Float32Array {
  const mean = new Float64Array(m.columns);
  for (let i = 0; i < rows * m.columns; i++) mean[i % m.columns]! += m.data[i]! / rows;
  for (let i = 0; i < m.data.length; i++) m.data[i]! -= mean[i % m.columns]!;
  return Float32Array.from(mean);
}

/** Features of several samples side by side: for each block [channels, samples * cells]. */
async function group(read: ReadSample, from: number, to: number): Promise<Matrix[]> {
  const samples = await Promise.all(Array.from({ length: to - from }, (_, i) => read(from + i)));
  return FEATURE_BLOCKS.map(({ channels, cells }, i) => {
    const joined = matrix(channels, samples.length * cells);
    for (const [s, { blocks }] of samples.entries()) {
      for (let c = 0; c < channels; c++)
        joined.data.set(
          blocks[i]!.subarray(c * cells, (c + 1) * cells),
          c * joined.columns + s * cells,
        );
    }
    return joined;
  });
}
