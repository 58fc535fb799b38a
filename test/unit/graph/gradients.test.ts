import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { gradients } from '../../../src/models/graph/gradient.js';
import { OPS } from '../../../src/models/graph/ops/index.js';
import { f32, sizeOf } from '../../../src/models/graph/tensor.js';
import { compile, uniform } from '../../support/run-graph.js';
import { activation } from './cases/activation.js';
import { elementwise } from './cases/elementwise.js';
import { matrix } from './cases/matrix.js';
import { normalization } from './cases/normalization.js';
import type { OpCase } from './cases/op-case.js';
import { reduce } from './cases/reduce.js';
import { resize } from './cases/resize.js';
import { select } from './cases/select.js';
import { shape } from './cases/shape.js';
import { window } from './cases/window.js';

const CASES: readonly OpCase[] = [
  ...elementwise,
  ...activation,
  ...window,
  ...matrix,
  ...normalization,
  ...resize,
  ...reduce,
  ...shape,
  ...select,
];

/** loss = sum of every output times fixed random numbers: a random direction of the vector-Jacobian product. */
function lossGraph({ op, inputs, constants, operands, attrs, outputs = 1 }: OpCase) {
  const b = new GraphBuilder('case');
  const xs = inputs.map((shape, i) => b.input(`x${i}`, 'float32', shape));
  const ys = b.ops(
    op,
    operands ? operands(xs, b) : [...xs, ...(constants?.(b) ?? [])],
    attrs ?? {},
    Array.from({ length: outputs }, (_, i) => `y${i}`),
  );
  const real = ys.filter(({ dtype }) => dtype === 'float32');
  const terms = real.map((y, i) => {
    const direction = b.constant(f32(uniform(sizeOf(y.shape), 7 + i), y.shape), `direction${i}`);
    return b.op('ReduceSum', [b.op('Mul', [y, direction])], { keepdims: 0 });
  });
  const loss = terms.reduce((a, t) => b.op('Add', [a, t]));
  b.output(loss, 'loss');
  gradients(b, loss, xs).forEach((g, i) => {
    b.output(g, `grad${i}`);
  });
  return b.build();
}

const STEP = 2e-2;
/** Largest difference, relative to the largest entry of the gradient. */
const TOLERANCE = 3e-3;

describe('the gradient of every op equals central differences', () => {
  it.each(CASES.map((c) => [c.title ? `${c.op}, ${c.title}` : c.op, c] as const))('%s', async (_name, c) => {
    const graph = lossGraph(c);
    const { run, release } = await compile(graph);
    const feeds = Object.fromEntries(
      c.inputs.map((shape, i) => [`x${i}`, uniform(sizeOf(shape), 11 + i).map(c.map ?? ((x) => x))]),
    );
    const out = await run(feeds);
    for (let i = 0; i < c.inputs.length; i++) {
      const analytic = out[`grad${i}`]!;
      expect(analytic.every(Number.isFinite), `input ${i} has a finite gradient`).toBe(true);
      const scale = Math.max(0.1, ...analytic.map(Math.abs));
      for (let k = 0; k < analytic.length; k++) {
        const at = async (delta: number) => {
          const x = Float32Array.from(feeds[`x${i}`]!);
          x[k]! += delta;
          return (await run({ ...feeds, [`x${i}`]: x })).loss![0]!;
        };
        // Five-point stencil: its error is O(h^4), so that float32 noise and curvature both stay small.
        const h = c.step ?? STEP;
        const numeric =
          (8 * ((await at(h)) - (await at(-h))) - ((await at(2 * h)) - (await at(-2 * h)))) / (12 * h);
        expect(Math.abs(numeric - analytic[k]!) / scale, `input ${i}, element ${k}`).toBeLessThan(TOLERANCE);
      }
    }
    await release();
  });

  it('covers every op that has a gradient', () => {
    const differentiable = [...OPS].filter(([, rule]) => rule.grad).map(([op]) => op);
    expect([...new Set(CASES.map((c) => c.op))].sort()).toEqual(differentiable.sort());
  });
});
