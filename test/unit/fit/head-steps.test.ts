import { expect, it } from 'vitest';
import { headStepGraph, lengthOf, planHeads, weightsOf } from '../../../fit/head-steps.js';
import { withWeights } from '../../../src/models/graph/coarsen.js';
import { compile } from '../../support/run-graph.js';
import { smallLatent, smallSynthesis } from '../../support/small-synthesis.js';

it('starts from the weights of the generator', () => {
  const [plan] = planHeads(smallSynthesis(), [8]);
  expect([...weightsOf(plan!, new Float32Array(lengthOf([plan!])))]).toEqual([...plan!.start]);
});

it('draws smaller images more like the whole one with every few steps, each head by itself', async () => {
  const synthesis = smallSynthesis();
  const plans = planHeads(synthesis, [8, 4]);
  const length = lengthOf(plans);
  const session = await compile(headStepGraph(synthesis, plans));
  let state: { d: Float32Array; m: Float32Array; v: Float32Array } = {
    d: new Float32Array(length),
    m: new Float32Array(length),
    v: new Float32Array(length),
  };
  const losses: Float32Array[] = [];
  for (let t = 0; t < 60; t++) {
    const {
      d1,
      m1,
      v1,
      losses: each,
    } = await session.run({ w: smallLatent(t % 5), ...state, lr: [0.01], t: [t + 1] });
    state = { d: d1!, m: m1!, v: v1! };
    losses.push(each!);
  }
  await session.release();
  const mean = (part: Float32Array[], head: number) =>
    part.reduce((sum, all) => sum + all[head]!, 0) / part.length;
  for (const head of [0, 1])
    expect(mean(losses.slice(-10), head)).toBeLessThan(0.8 * mean(losses.slice(0, 10), head));
  // What is stored is what was fitted: a head of the weights out of `d` has the loss that the next step reports.
  const weights = weightsOf(plans[0]!, state.d.subarray(0, lengthOf([plans[0]!])));
  expect(() => withWeights(plans[0]!.graph, weights)).not.toThrow();
});
