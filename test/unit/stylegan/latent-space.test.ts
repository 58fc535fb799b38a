import { beforeAll, describe, expect, it } from 'vitest';
import { normalFrom } from '../../../src/models/random.js';
import {
  colouringGraph,
  LatentSpread,
  STEP_FLOOR,
  whiteningGraph,
} from '../../../src/models/stylegan/latent-space.js';
import { compile } from '../../support/run-graph.js';

const DIM = 6;
const SAMPLES = 4000;

/** Correlated latents as a mapping network gives them: sqrt 2 LeakyReLU_0.2 of a normal vector. */
function latents(count: number, seed: number): Float32Array[] {
  const normal = normalFrom(seed);
  return Array.from({ length: count }, () => {
    const z = Array.from({ length: DIM }, normal);
    return Float32Array.from(z, (_, i) => {
      const x = 0.5 * i - 1 + 2 * z[i]! + (i > 0 ? z[i - 1]! : 0);
      return Math.SQRT2 * (x < 0 ? 0.2 * x : x);
    });
  });
}

let spread: LatentSpread;
beforeAll(() => {
  spread = new LatentSpread(DIM);
  for (const w of latents(SAMPLES, 1)) spread.add(w);
});

describe('the P_N space', () => {
  it('gives fresh latents mean 0, spread 1 and no correlation', async () => {
    const { run, release } = await compile(whiteningGraph(spread));
    const products = new Float64Array(DIM * DIM);
    const sums = new Float64Array(DIM);
    const fresh = latents(SAMPLES, 2);
    for (const w of fresh) {
      const { p } = await run({ w });
      for (let i = 0; i < DIM; i++) {
        sums[i]! += p![i]! / SAMPLES;
        for (let k = 0; k < DIM; k++) products[i * DIM + k]! += (p![i]! * p![k]!) / SAMPLES;
      }
    }
    // Standard error of a mean over 4,000 samples is 0.016, of a variance 0.022.
    for (let i = 0; i < DIM; i++) {
      expect(Math.abs(sums[i]!)).toBeLessThan(0.08);
      for (let k = 0; k < DIM; k++) {
        expect(Math.abs(products[i * DIM + k]! - (i === k ? 1 : 0))).toBeLessThan(0.11);
      }
    }
    await release();
  });

  it('comes back from whitening to the same latent', async () => {
    const [there, back] = [await compile(whiteningGraph(spread)), await compile(colouringGraph(spread))];
    for (const w of latents(20, 3)) {
      const { p } = await there.run({ w });
      const { w: again } = await back.run({ p: p! });
      for (let i = 0; i < DIM; i++) expect(Math.abs(again![i]! - w[i]!)).toBeLessThan(1e-4);
    }
    await Promise.all([there.release(), back.release()]);
  });

  it('with a floor spreads latents less than in P_N, and comes back as well', async () => {
    const graphs = [
      whiteningGraph(spread),
      whiteningGraph(spread, STEP_FLOOR),
      colouringGraph(spread, STEP_FLOOR),
    ];
    const [plain, there, back] = await Promise.all(graphs.map(compile));
    for (const w of latents(20, 3)) {
      const { p } = await there!.run({ w });
      const { p: standard } = await plain!.run({ w });
      expect(Math.hypot(...p!)).toBeLessThan(Math.hypot(...standard!));
      const { w: again } = await back!.run({ p: p! });
      for (let i = 0; i < DIM; i++) expect(Math.abs(again![i]! - w[i]!)).toBeLessThan(1e-4);
    }
    await Promise.all([plain, there, back].map((graph) => graph!.release()));
  });

  it('asks for samples', () => {
    expect(() => new LatentSpread(DIM).normal(0.01)).toThrow('Expected at least 2 latents but received 0');
  });
});
