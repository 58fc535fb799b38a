import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../src/models/graph/builder.js';
import type { Graph, Value } from '../../../../src/models/graph/ir.js';
import { averageOfUpsampling } from '../../../../src/models/graph/passes/average-of-upsampling.js';
import { composePointwise } from '../../../../src/models/graph/passes/compose-pointwise.js';
import { dropIdentities } from '../../../../src/models/graph/passes/drop-identities.js';
import { type Rule, rewrite } from '../../../../src/models/graph/passes/rewrite.js';
import { f32, type Shape, sizeOf } from '../../../../src/models/graph/tensor.js';
import { compile, uniform } from '../../../support/run-graph.js';

const IMAGE: Shape = [1, 8, 6, 6];
const random = (b: GraphBuilder, shape: Shape, seed: number) =>
  b.constant(f32(uniform(sizeOf(shape), seed), shape));

function graphOf(write: (b: GraphBuilder, x: Value) => Value): Graph {
  const b = new GraphBuilder('g');
  b.output(write(b, b.input('x', 'float32', IMAGE)), 'y');
  return b.build();
}

/** Checks that both graphs give the same numbers, to float32 rounding. */
async function expectSame(before: Graph, after: Graph) {
  const feeds = { x: uniform(sizeOf(IMAGE), 4) };
  const [a, b] = await Promise.all([before, after].map(compile));
  const [ya, yb] = [(await a!.run(feeds)).y!, (await b!.run(feeds)).y!];
  expect(yb).toHaveLength(ya.length);
  for (const [i, x] of ya.entries()) expect(Math.abs(x - yb[i]!)).toBeLessThan(1e-5);
  await Promise.all([a!.release(), b!.release()]);
}

const opsOf = (graph: Graph) => graph.nodes.map((node) => node.op);

const pool = (b: GraphBuilder, x: Value, k: number) =>
  b.op('AveragePool', [x], { kernel_shape: [k, k], strides: [k, k] });

describe('passes', () => {
  const cases: [string, Rule, (b: GraphBuilder, x: Value) => Value, string[], number][] = [
    [
      'a pool of the same size vanishes',
      averageOfUpsampling,
      (b, x) =>
        pool(b, b.op('ConvTranspose', [x, random(b, [8, 1, 2, 2], 1)], { strides: [2, 2], group: 2 }), 2),
      ['Conv', 'Identity'],
      1,
    ],
    [
      'a larger pool shrinks, a bias stays',
      averageOfUpsampling,
      (b, x) =>
        pool(
          b,
          b.op('ConvTranspose', [x, random(b, [8, 3, 2, 2], 1), random(b, [3], 2)], { strides: [2, 2] }),
          4,
        ),
      ['Conv', 'AveragePool', 'Identity'],
      1,
    ],
    [
      'overlapping kernels are left alone',
      averageOfUpsampling,
      (b, x) =>
        pool(
          b,
          b.op('ConvTranspose', [x, random(b, [8, 1, 3, 3], 1)], {
            strides: [2, 2],
            group: 2,
            output_padding: [1, 1],
          }),
          2,
        ),
      ['ConvTranspose', 'AveragePool', 'Identity'],
      0,
    ],
    [
      'composePointwise multiplies a grouped pointwise convolution into the one before',
      composePointwise,
      (b, x) => {
        const inner = b.op('Conv', [x, random(b, [6, 8, 3, 3], 1), random(b, [6], 2)], {
          pads: [1, 1, 1, 1],
        });
        return b.op('Conv', [inner, random(b, [2, 3, 1, 1], 3), random(b, [2], 5)], { group: 2 });
      },
      ['Conv', 'Identity'],
      1,
    ],
    [
      'composePointwise leaves a product alone that would be larger',
      composePointwise,
      (b, x) => b.op('Conv', [b.op('Conv', [x, random(b, [2, 8, 3, 3], 1)]), random(b, [9, 2, 1, 1], 3)]),
      ['Conv', 'Conv', 'Identity'],
      0,
    ],
  ];

  it.each(cases)('%s', async (_title, rule, write, ops, expected) => {
    const before = graphOf(write);
    const { graph, count } = rewrite(before, rule);
    expect(count).toBe(expected);
    expect(opsOf(graph)).toEqual(ops);
    await expectSame(before, graph);
  });

  it('dropIdentities leaves the names of inputs and outputs', async () => {
    const before = graphOf((b, x) => b.op('Relu', [b.op('Identity', [b.op('Identity', [x])])]));
    const { graph, count } = rewrite(before, dropIdentities);
    expect(count).toBe(2);
    expect(opsOf(graph)).toEqual(['Relu', 'Identity']);
    await expectSame(before, graph);
  });

  it('a value read through an identity and beside it is read twice', () => {
    const before = graphOf((b, x) => {
      const up = b.op('ConvTranspose', [x, random(b, [8, 1, 2, 2], 1)], { strides: [2, 2], group: 2 });
      b.output(b.op('ReduceSum', [b.op('Identity', [up])], { keepdims: 0 }), 'sum');
      return pool(b, up, 2);
    });
    expect(rewrite(rewrite(before, dropIdentities).graph, averageOfUpsampling).count).toBe(0);
  });

  it('a value that something else reads is not taken apart', () => {
    const before = graphOf((b, x) => {
      const up = b.op('ConvTranspose', [x, random(b, [8, 1, 2, 2], 1)], { strides: [2, 2], group: 2 });
      b.output(b.op('ReduceSum', [up], { keepdims: 0 }), 'sum');
      return pool(b, up, 2);
    });
    expect(rewrite(before, averageOfUpsampling).count).toBe(0);
  });
});
