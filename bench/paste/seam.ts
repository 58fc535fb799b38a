/** How visible the edge of a pasted face is, measured in the aligned square so that all photos count alike. */
import type { Point, Quad } from '../../src/contracts.js';
import type { Rgb8 } from '../../src/images/tensors.js';
import { warp } from '../../src/models/face/warp.js';
import { FEATHER, softMask } from '../../src/models/paste/mask.js';

const SIZE = 256;
/** Parts of the edge, by their direction from its middle: within one, texture averages out and a step stays. */
const SECTORS = 24;

export interface Seam {
  /** Root mean square of the gradient across the edge, over that of the photo in the same places: above 1, it was added to. */
  gradient: number;
  /** Levels by which colours change across the edge that did not before: root mean square over sectors and channels. */
  step: number;
}

/**
 * Compares a photo before and after. The gradient is taken along that of the mask, which also weighs the pixels: an edge is
 * where the mask rises.
 */
export async function seamOf(
  before: Rgb8,
  after: Rgb8,
  quad: Quad,
  outlines: readonly (readonly Point[])[],
): Promise<Seam> {
  const mask = softMask(outlines, SIZE);
  const [old, now] = [await warp(before, quad, SIZE), await warp(after, quad, SIZE)];
  const energy = { old: 0, now: 0 };
  const sectors = Array.from({ length: SECTORS }, () => ({ weight: 0, added: [0, 0, 0] }));
  for (let y = 1; y < SIZE - 1; y++) {
    for (let x = 1; x < SIZE - 1; x++) {
      const i = y * SIZE + x;
      const [mx, my] = [(mask[i + 1]! - mask[i - 1]!) / 2, (mask[i + SIZE]! - mask[i - SIZE]!) / 2];
      const weight = Math.hypot(mx, my);
      if (weight < 1e-3) continue;
      const turn = (Math.atan2(y - SIZE / 2, x - SIZE / 2) / (2 * Math.PI) + 1) % 1;
      const sector = sectors[Math.floor(turn * SECTORS)]!;
      sector.weight += weight;
      for (let c = 0; c < 3; c++) {
        const across = ({ data }: Rgb8): number => {
          const at = (j: number) => data[3 * j + c]!;
          return (mx * (at(i + 1) - at(i - 1)) + my * (at(i + SIZE) - at(i - SIZE))) / (2 * weight);
        };
        const [was, is] = [across(old), across(now)];
        energy.old += weight * was ** 2;
        energy.now += weight * is ** 2;
        sector.added[c]! += weight * (is - was);
      }
    }
  }
  const seen = sectors.filter(({ weight }) => weight > 0);
  const steps = seen.flatMap(({ weight, added }) => added.map((sum) => (sum / weight) * FEATHER * SIZE));
  const step = Math.sqrt(steps.reduce((sum, s) => sum + s * s, 0) / steps.length);
  return { gradient: Math.sqrt(energy.now / energy.old), step };
}
