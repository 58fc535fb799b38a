import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import type { Graph } from '../../../src/models/graph/ir.js';
import { f32 } from '../../../src/models/graph/tensor.js';
import { EPSILON, perceptualPathLength, SAMPLES, sampledLambdas } from '../../../src/models/metrics/ppl.js';
import { pplGraph } from '../../../src/models/metrics/ppl-graph.js';
import { compile, uniform } from '../../support/run-graph.js';

describe('perceptual path length', () => {
  it('of a quadratic map is its analytic value', async () => {
    // f(t) = (t^2, 3t): the squared speed 4 t^2 + 9 has the mean 4/3 + 9.
    const f = (t: number): [number, number] => [t * t, 3 * t];
    const distance = async (from: number, to: number) => {
      const [x, y] = [f(from), f(to)];
      return (y[0] - x[0]) ** 2 + (y[1] - x[1]) ** 2;
    };
    const { ppl, samples, epsilon } = await perceptualPathLength(distance, 1000);
    expect(ppl).toBeCloseTo(4 / 3 + 9, 3);
    // A quotient is the speed in the middle of its step, and the steps lie between epsilon / 2 and 1 - epsilon / 2.
    expect(ppl).toBeCloseTo((1 - EPSILON) ** 2 / 3 + 1 + 9, 4);
    expect([samples, epsilon]).toEqual([1000, 1e-4]);
  });

  it('takes steps of epsilon that are the same from either end', () => {
    const steps = sampledLambdas(SAMPLES).map((t) => [t, t + EPSILON] as const);
    const back = steps.map(([from, to]) => [1 - to, 1 - from] as const).reverse();
    steps.flat().forEach((t, i) => {
      expect(t).toBeCloseTo(back.flat()[i]!, 12);
    });
    expect(Math.min(...steps.flat())).toBeGreaterThan(0);
    expect(Math.max(...steps.flat())).toBeLessThan(1);
  });

  it('refuses no samples, and a distance that is no number', async () => {
    await expect(perceptualPathLength(async () => 1, 0)).rejects.toThrow('from 1 on but received 0');
    await expect(perceptualPathLength(async () => Number.NaN)).rejects.toThrow('finite');
  });
});

/** A generator of one layer: latents [2,1,4] as images [2,3,4,4] by one linear map. */
function linearGenerator(weights: Float32Array): Graph {
  const b = new GraphBuilder('synthesis');
  const w = b.input('w', 'float32', [2, 1, 4]);
  const rows = b.op('Reshape', [w, b.ints([2, 4])]);
  const pixels = b.op('MatMul', [rows, b.constant(f32(weights, [4, 48]))]);
  b.output(b.op('Reshape', [pixels, b.ints([2, 3, 4, 4])]), 'image');
  return b.build();
}

/** A net whose four features are the image, [2,3,2,2], times 1 to 4. */
function scalingNet(): Graph {
  const b = new GraphBuilder('vgg');
  const image = b.input('image', 'float32', [2, 3, 2, 2]);
  ['conv1_1', 'conv1_2', 'conv3_2', 'conv4_2'].forEach((name, i) => {
    b.output(b.op('Mul', [image, b.scalar(i + 1)]), name);
  });
  return b.build();
}

describe('its graph', () => {
  const weights = uniform(4 * 48, 1);
  let graph: Awaited<ReturnType<typeof compile>>;
  beforeAll(async () => {
    graph = await compile(pplGraph({ synthesis: linearGenerator(weights), vgg: scalingNet() }));
  });
  afterAll(() => graph.release());

  it('gives the squared distances of all layers at the side of the net, summed', async () => {
    const w = uniform(8, 2);
    const { distance } = await graph.run({ w });
    let squared = 0;
    for (let at = 0; at < 12; at++) {
      const [c, y, x] = [Math.floor(at / 4), 2 * Math.floor((at % 4) / 2), 2 * (at % 2)];
      const pixels = [0, 1, 4, 5].map((offset) => c * 16 + y * 4 + x + offset);
      const value = (i: number) =>
        pixels.reduce(
          (sum, p) => sum + [0, 1, 2, 3].reduce((s, k) => s + w[i * 4 + k]! * weights[k * 48 + p]!, 0) / 4,
          0,
        );
      squared += (value(0) - value(1)) ** 2;
    }
    // 1 + 4 + 9 + 16
    expect(distance![0]! / (30 * squared)).toBeCloseTo(1, 5);
  });

  it('refuses a generator of another number of latents', () => {
    const b = new GraphBuilder('one');
    const w = b.input('w', 'float32', [1, 1, 48]);
    b.output(b.op('Reshape', [w, b.ints([1, 3, 4, 4])]), 'image');
    expect(() => pplGraph({ synthesis: b.build(), vgg: scalingNet() })).toThrow('Expected two latents');
  });
});
