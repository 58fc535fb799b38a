import { describe, expect, it } from 'vitest';
import { macsOf } from '../../../bench/step/macs.js';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { coarsen, weightsAsInputs, withWeights } from '../../../src/models/graph/coarsen.js';
import type { Graph } from '../../../src/models/graph/ir.js';
import { f32 } from '../../../src/models/graph/tensor.js';
import { levelGraph } from '../../../src/models/heads/level.js';
import { reduced } from '../../../src/models/metrics/reduce.js';
import { compile } from '../../support/run-graph.js';
import { type SmallOptions, smallLatent, smallSynthesis } from '../../support/small-synthesis.js';

async function imageOf(graph: Graph, feeds: Record<string, ArrayLike<number>> = {}): Promise<Float32Array> {
  const session = await compile(graph);
  const { image } = await session.run({ w: smallLatent(), ...feeds });
  await session.release();
  return image!;
}

const rmse = (a: Float32Array, b: Float32Array): number => {
  expect(a).toHaveLength(b.length);
  return Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / a.length);
};

/** Error of the image of that side, as a share of what the reduced whole image varies by. */
async function errorAt(side: number, options?: SmallOptions): Promise<number> {
  const graph = smallSynthesis(options);
  const target = reduced(await imageOf(graph), side);
  const mean = target.reduce((sum, x) => sum + x, 0) / target.length;
  return (
    rmse(await imageOf(levelGraph(graph, side)), target) /
    rmse(
      target,
      target.map(() => mean),
    )
  );
}

describe('an image of a smaller side', () => {
  it('is exact at half the side, where only the last upsampling is left out', async () => {
    expect(await errorAt(8, { blocks: 1 })).toBeLessThan(1e-6);
    expect(await errorAt(16)).toBeLessThan(1e-6);
  });

  it('is exact below it where nothing bends and no kernel reaches beyond its square', async () => {
    expect(await errorAt(4, { blocks: 1, alpha: 1, taps: 1 })).toBeLessThan(1e-6);
    expect(await errorAt(4, { blocks: 2, alpha: 1, taps: 1 })).toBeLessThan(1e-6);
  });

  it('comes near it otherwise', async () => {
    const error = await errorAt(8);
    expect(error).toBeGreaterThan(1e-3);
    expect(error).toBeLessThan(0.1);
    expect(await errorAt(4)).toBeLessThan(0.4);
  });

  it('costs less the smaller it is', () => {
    const graph = smallSynthesis();
    const [whole, half, quarter, eighth] = [32, 16, 8, 4].map((side) => macsOf(levelGraph(graph, side)));
    expect(half).toBeLessThan(whole!);
    expect(quarter).toBeLessThan(0.5 * half!);
    expect(eighth).toBeLessThan(0.6 * quarter!);
  });

  it('is the whole one at the whole side', () => {
    const graph = smallSynthesis();
    expect(coarsen(graph, 32)).toEqual({ graph, weights: [] });
  });
});

/** A depthwise convolution after inverse Haar, whose squares all bands still shape. */
it('keeps every band until the first convolution, and that is exact', async () => {
  const graph = smallSynthesis({ blocks: 1, alpha: 1 });
  const image = graph.nodes.findIndex(({ outputs }) => outputs[0] === 'LeakyRelu_1');
  const first: Graph = { ...graph, nodes: graph.nodes.slice(0, image + 1), outputs: ['LeakyRelu_1'] };
  const feeds = { w: smallLatent() };
  const [before, after] = await Promise.all([compile(first), compile(coarsen(first, 4).graph)]);
  const [whole, coarse] = [(await before.run(feeds)).LeakyRelu_1!, (await after.run(feeds)).LeakyRelu_1!];
  const means = coarse.map((_, i) => {
    const [plane, y, x] = [Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4];
    const at = 64 * plane + 16 * y + 2 * x;
    return (whole[at]! + whole[at + 1]! + whole[at + 8]! + whole[at + 9]!) / 4;
  });
  expect(rmse(coarse, means)).toBeLessThan(1e-5);
  await Promise.all([before.release(), after.release()]);
});

describe('the weights of what is coarse', () => {
  it('can be replaced by others of their shape', async () => {
    const { graph, weights } = coarsen(smallSynthesis(), 8);
    expect(weights).toHaveLength(8);
    const zeros = new Map(
      weights.map((name) => {
        const { shape, data } = graph.constants.get(name)!;
        return [name, f32(new Float32Array(data.length), shape)] as const;
      }),
    );
    expect(Math.max(...(await imageOf(withWeights(graph, zeros))))).toBe(0);
    const wrong = new Map([[weights[0]!, f32([1], [1])]]);
    expect(() => withWeights(graph, wrong)).toThrow(`Expected '${weights[0]}' to be [`);
    expect(() => withWeights(graph, new Map([['other', f32([1], [1])]]))).toThrow("'other' to be [none]");
  });

  it('can be given as inputs', async () => {
    const { graph, weights } = coarsen(smallSynthesis(), 8);
    const feeds = Object.fromEntries(
      weights.map((name) => [name, graph.constants.get(name)!.data as Float32Array]),
    );
    expect(rmse(await imageOf(weightsAsInputs(graph, weights), feeds), await imageOf(graph))).toBeLessThan(
      1e-6,
    );
  });
});

describe('refusals', () => {
  it('of a side that does not divide', () => {
    expect(() => coarsen(smallSynthesis(), 12)).toThrow('Expected one image whose side 12 divides');
  });

  it('of what has no coarse form, by its node', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [1, 4, 8, 8]);
    const kernel = b.constant(f32(new Float32Array(16).fill(0.5), [4, 1, 2, 2]));
    const up = b.op('ConvTranspose', [x, kernel], { kernel_shape: [2, 2], strides: [2, 2], group: 1 });
    b.output(b.op('Sigmoid', [up]), 'y');
    expect(() => coarsen(b.build(), 8)).toThrow(/^Sigmoid 'Sigmoid_0' .* has no coarse form$/);
  });
});
