/** The figure of the region map: where each part lies, and what it takes from b. */

import type { RegionPart } from '../src/contracts.js';
import { areaTensor, tensorToRgb8 } from '../src/images/tensors.js';
import { contactSheet, encodePng, type SheetCell } from '../src/images.js';
import { MASK_SIDE } from '../src/models/regions/map.js';
import { footprint, MIXED } from './region-mixes.js';

/** Width of a picture in pixels. */
const CELL = 160;

export interface MixRow {
  /** Images [3,MIXED,MIXED] -1..1. */
  a: Float32Array;
  b: Float32Array;
  mixes: ReadonlyMap<RegionPart, Float32Array>;
}

const picture = async (image: Float32Array, side: number, label: string): Promise<SheetCell> => ({
  image: await encodePng(tensorToRgb8(image, side, side)),
  label,
});

/** JPEG. `face` is the mean face [3,side,side], on which places are shown; `styles` are those of each part. */
export async function regionFigure(
  face: Float32Array,
  map: ReadonlyMap<RegionPart, Float32Array>,
  styles: ReadonlyMap<RegionPart, readonly number[]>,
  rows: readonly MixRow[],
): Promise<Uint8Array> {
  const side = Math.sqrt(face.length / 3);
  const grey = areaTensor(tensorToRgb8(face, side, side), MASK_SIDE);
  const shown = [...map].map(([part, mask]) =>
    picture(marked(grey, footprint(mask)), MASK_SIDE, `${part} ${ranges(styles.get(part)!)}`),
  );
  const first = [
    picture(grey, MASK_SIDE, 'mean face'),
    picture(
      grey.map(() => 1),
      MASK_SIDE,
      ' ',
    ),
    ...shown,
  ];
  const others = rows.map(({ a, b, mixes }) => [
    picture(a, MIXED, 'a'),
    picture(b, MIXED, 'b'),
    ...[...mixes].map(([part, image]) => picture(image, MIXED, part)),
  ]);
  const cells = await Promise.all([first, ...others].map((row) => Promise.all(row)));
  return contactSheet(cells, { cell: CELL, format: 'jpeg', quality: 85 });
}

/** Red where the weight is 1. */
const marked = (image: Float32Array, weights: Float32Array): Float32Array =>
  image.map((value, i) => {
    const weight = 0.7 * weights[i % weights.length]!;
    return (1 - weight) * value + weight * (i < weights.length ? 1 : -1);
  });

/** `0-7 9 11` of 0, 1, 2 .. */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last?.[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}
