import { expect, it } from 'vitest';
import { adamStep } from '../../../src/models/graph/adam.js';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { gradients } from '../../../src/models/graph/gradient.js';
import { repeat } from '../../../src/models/graph/loop.js';
import { f32, i64 } from '../../../src/models/graph/tensor.js';
import { compile } from '../../support/run-graph.js';

/** Minimises |A x - b|^2 with `steps` Adam steps in one Loop. */
function leastSquares(steps: number) {
  const b = new GraphBuilder('least_squares');
  const x0 = b.input('x', 'float32', [3, 1]);
  const a = b.constant(f32([2, 0, 1, 0, 1, 0, 1, 1, 3], [3, 3]));
  const y = b.constant(f32([1, -2, 0.5], [3, 1]));
  const zero = b.constant(f32([0, 0, 0], [3, 1]));
  const result = repeat(b, b.constant(i64([steps], [])), [x0, zero, zero], (body, i, [x, m, v]) => {
    const loss = body.op('ReduceSumSquare', [body.op('Sub', [body.op('MatMul', [a, x!]), y])], {
      keepdims: 0,
    });
    const [grad] = gradients(body, loss, [x!]);
    const t = body.op('Add', [body.op('Cast', [i], { to: 1 }), body.scalar(1)]);
    const next = adamStep(body, { x: x!, m: m!, v: v! }, grad!, body.scalar(0.1), t);
    return { state: [next.x, next.m, next.v], collect: [loss] };
  });
  b.output(result.state[0]!, 'xOut');
  b.output(result.collect[0]!, 'losses');
  return b.build();
}

/** The same in plain arithmetic. */
function reference(steps: number, x: number[]) {
  const a = [
    [2, 0, 1],
    [0, 1, 0],
    [1, 1, 3],
  ];
  const y = [1, -2, 0.5];
  const m = [0, 0, 0];
  const v = [0, 0, 0];
  const losses: number[] = [];
  for (let t = 1; t <= steps; t++) {
    const r = a.map((row, i) => row.reduce((s, c, k) => s + c * x[k]!, 0) - y[i]!);
    losses.push(r.reduce((s, e) => s + e * e, 0));
    for (let k = 0; k < 3; k++) {
      const g = 2 * a.reduce((s, row, i) => s + row[k]! * r[i]!, 0);
      m[k] = 0.9 * m[k]! + 0.1 * g;
      v[k] = 0.999 * v[k]! + 0.001 * g * g;
    }
    // All residuals belong to the same x, so the update comes after the gradients.
    for (let k = 0; k < 3; k++) {
      x[k]! -= (0.1 * (m[k]! / (1 - 0.9 ** t))) / (Math.sqrt(v[k]! / (1 - 0.999 ** t)) + 1e-8);
    }
  }
  return { x, losses };
}

it('Adam in a Loop takes the same path as Adam in plain arithmetic', async () => {
  const { run, release } = await compile(leastSquares(40));
  const out = await run({ x: [1, 2, 3] });
  const expected = reference(40, [1, 2, 3]);
  expect(out.losses).toHaveLength(40);
  for (let i = 0; i < 40; i++) {
    // 1 - beta2^t loses four digits in float32 at t = 1
    expect(Math.abs(out.losses![i]! / expected.losses[i]! - 1)).toBeLessThan(1e-4);
  }
  for (let k = 0; k < 3; k++) expect(out.xOut![k]).toBeCloseTo(expected.x[k]!, 4);
  await release();
});
