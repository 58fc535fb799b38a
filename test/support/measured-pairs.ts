/** The pairs of pictures of test/golden/metrics/make.py, and what was measured on them. */
import { readFileSync } from 'node:fs';
import type { MEASURES } from '../../src/models/metrics/measure-graph.js';

type Measured = Record<Exclude<(typeof MEASURES)[number], 'lpips'>, number>;

export interface MeasuredPair {
  name: string;
  /** Images [3,256,256] about -1..1. */
  image: Float32Array;
  target: Float32Array;
  golden: Measured;
}

const SIDE = 256;
const golden: Record<string, Measured> = JSON.parse(
  readFileSync(new URL('../golden/metrics/golden.json', import.meta.url), 'utf8'),
);

const picture = (value: (c: number, y: number, x: number) => number) =>
  Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) =>
    value(Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE),
  );

const wave = (c: number, y: number, x: number) =>
  0.8 * Math.sin(0.05 * (c + 1) * x + 0.03 * y) * Math.cos(0.02 * y);

const IMAGES: Record<string, (c: number, y: number, x: number) => number> = {
  equal: wave,
  paler: (c, y, x) => 0.6 * wave(c, y, x) + 0.1,
  moved: (c, y, x) => wave(c, y, x + 3),
  grainy: (c, y, x) => wave(c, y, x) + 0.3 * Math.sin(12.9898 * x + 78.233 * y + 37.719 * c),
  negative: (c, y, x) => -wave(c, y, x),
  clipped: (c, y, x) => 2 * wave(c, y, x),
};

export const measuredPairs: readonly MeasuredPair[] = Object.entries(golden).map(([name, values]) => ({
  name,
  image: picture(IMAGES[name]!),
  target: picture(wave),
  golden: values,
}));
