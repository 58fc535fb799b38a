/** Fresh random graphs in every run: the gradient along one random direction equals finite differences. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gradientName } from '../../../../src/models/graph/differentiate.js';
import { compile, uniform } from '../../../support/run-graph.js';
import { build, differentiated, type Program, programs } from './program.js';

/** Length of the longest step along the direction, which has length 1 over all inputs together. */
const STEP = 2e-2;
/** Of the gradient's length, and of the loss: rounding in float32, divided by the step. */
const TOLERANCE = { gradient: 2e-2, loss: 2e-3 };

interface Slopes {
  /** Gradient times direction. */
  analytic: number;
  /** Slopes to the left and to the right, from steps of two lengths. */
  oneSided: number[];
  tolerance: number;
}

/** (-3 f(0) + 4 f(h) - f(2h)) / 2h: the slope to the right of 0 with an error of O(h^2), to the left for h < 0. */
const slope = (f0: number, f1: number, f2: number, h: number): number => (-3 * f0 + 4 * f1 - f2) / (2 * h);

async function slopes(program: Program): Promise<Slopes> {
  const example = build(program);
  const { run, release } = await compile(differentiated(example));
  try {
    const directions = Object.entries(example.feeds).map(
      ([name, x], i) => [name, uniform(x.length, program.seed + 31 * i + 17)] as const,
    );
    const length = Math.hypot(...directions.flatMap(([, d]) => [...d]));
    const at = async (t: number) => {
      const moved = directions.map(([name, d]) => [
        name,
        example.feeds[name]!.map((x, i) => x + (t * d[i]!) / length),
      ]);
      return (await run(Object.fromEntries(moved))).loss![0]!;
    };
    const out = await run(example.feeds);
    const loss = out.loss![0]!;
    const gradient = directions.map(([name]) => out[gradientName(name)]!);
    const oneSided: number[] = [];
    for (const h of [STEP / 2, -STEP / 2, STEP / 4, -STEP / 4])
      oneSided.push(slope(loss, await at(h), await at(2 * h), h));
    const terms = directions.flatMap(([, d], k) => [...d].map((x, i) => (x / length) * gradient[k]![i]!));
    return {
      analytic: terms.reduce((sum, term) => sum + term, 0),
      oneSided,
      tolerance:
        TOLERANCE.gradient * Math.hypot(...gradient.flatMap((g) => [...g])) +
        TOLERANCE.loss * Math.max(1, Math.abs(loss)),
    };
  } finally {
    await release();
  }
}

it('gradients of random graphs equal finite differences', async () => {
  await fc.assert(
    fc.asyncProperty(programs(), async (program) => {
      const { analytic, oneSided, tolerance } = await slopes(program);
      expect(Number.isFinite(analytic)).toBe(true);
      // Slopes that differ tell of a kink nearby, where there is no derivative to compare with.
      fc.pre(Math.max(...oneSided) - Math.min(...oneSided) < tolerance / 2);
      const mean = oneSided.reduce((sum, x) => sum + x, 0) / oneSided.length;
      expect(Math.abs(analytic - mean)).toBeLessThan(tolerance);
    }),
    { numRuns: 25 },
  );
});
