import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../src/models/graph/builder.js';
import { gradients } from '../../../../src/models/graph/gradient.js';
import type { Graph, Value } from '../../../../src/models/graph/ir.js';
import { dotAsConvolution } from '../../../../src/models/graph/passes/dot-as-convolution.js';
import { mergeScales } from '../../../../src/models/graph/passes/merge-scales.js';
import { poolEarly } from '../../../../src/models/graph/passes/pool-early.js';
import { type Rule, rewrite, rewriteAll } from '../../../../src/models/graph/passes/rewrite.js';
import { scaleWeights } from '../../../../src/models/graph/passes/scale-weights.js';
import { absorbScalar, steepActivations } from '../../../../src/models/graph/passes/steep-activations.js';
import { winograd } from '../../../../src/models/graph/passes/winograd.js';
import { f32, type Shape, sizeOf } from '../../../../src/models/graph/tensor.js';
import { compile, uniform } from '../../../support/run-graph.js';

const random = (b: GraphBuilder, shape: Shape, seed: number) =>
  b.constant(f32(uniform(sizeOf(shape), seed), shape));

interface Case {
  rule: Rule;
  image: Shape;
  write: (b: GraphBuilder, x: Value, s: Value) => Value;
  ops: string[];
  count: number;
}

/** Inputs `x` and a factor `s` for each of its channels. */
function graphOf({ image, write }: Case): Graph {
  const b = new GraphBuilder('g');
  const [n, channels] = image as [number, number];
  const x = b.input('x', 'float32', image);
  b.output(write(b, x, b.input('s', 'float32', [n, channels, 1, 1])), 'y');
  return b.build();
}

async function run(graph: Graph): Promise<Float32Array> {
  const feeds = Object.fromEntries(
    graph.inputs.map((name, i) => [name, uniform(sizeOf(graph.types.get(name)!.shape), i + 4)]),
  );
  const compiled = await compile(graph);
  const { y } = await compiled.run(feeds);
  await compiled.release();
  return y!;
}

/** Largest difference, relative to the largest value. */
function differenceOf(a: Float32Array, b: Float32Array): number {
  expect(b).toHaveLength(a.length);
  const largest = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / largest;
}

const opsOf = (graph: Graph) => graph.nodes.map((node) => node.op).filter((op) => op !== 'Identity');
const pool = (b: GraphBuilder, x: Value) =>
  b.op('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] });

const cases: Record<string, Case> = {
  'poolEarly pools before a pointwise convolution': {
    rule: poolEarly,
    image: [2, 4, 6, 6],
    write: (b, x) => pool(b, b.op('Conv', [x, random(b, [3, 4, 1, 1], 1), random(b, [3], 2)])),
    ops: ['AveragePool', 'Conv'],
    count: 1,
  },
  'poolEarly pools before a factor per channel': {
    rule: poolEarly,
    image: [2, 4, 6, 6],
    write: (b, x, s) => pool(b, b.op('Mul', [x, s])),
    ops: ['AveragePool', 'Mul'],
    count: 1,
  },
  'poolEarly leaves a convolution alone that looks around': {
    rule: poolEarly,
    image: [1, 4, 6, 6],
    write: (b, x) => pool(b, b.op('Conv', [x, random(b, [3, 4, 3, 3], 1)], { pads: [1, 1, 1, 1] })),
    ops: ['Conv', 'AveragePool'],
    count: 0,
  },
  'mergeScales moves a factor before an upsampling': {
    rule: mergeScales,
    image: [2, 8, 5, 5],
    write: (b, x, s) => {
      const up = b.op('ConvTranspose', [x, random(b, [8, 1, 2, 2], 1)], { strides: [2, 2], group: 2 });
      const half = b.op('Slice', [s, b.ints([0]), b.ints([2]), b.ints([1]), b.ints([1])]);
      return b.op('Mul', [up, half]);
    },
    ops: ['Slice', 'Reshape', 'Expand', 'Reshape', 'Mul', 'ConvTranspose'],
    count: 1,
  },
  'mergeScales multiplies two factors first': {
    rule: mergeScales,
    image: [1, 4, 6, 6],
    write: (b, x, s) => b.op('Mul', [b.op('Mul', [x, s]), random(b, [1, 4, 1, 1], 3)]),
    ops: ['Mul', 'Mul'],
    count: 1,
  },
  'dotAsConvolution sums products over space without writing them': {
    rule: dotAsConvolution,
    image: [2, 3, 16, 16],
    write: (b, x) => {
      const product = b.op('Mul', [x, random(b, [2, 3, 16, 16], 1)]);
      return b.op('ReduceSum', [product, b.ints([2, 3])], { keepdims: 1 });
    },
    ops: ['Reshape', 'Reshape', 'Conv', 'Reshape'],
    count: 1,
  },
  'dotAsConvolution leaves small images alone': {
    rule: dotAsConvolution,
    image: [1, 3, 8, 8],
    write: (b, x) =>
      b.op('ReduceSum', [b.op('Mul', [x, random(b, [1, 3, 8, 8], 1)]), b.ints([2, 3])], { keepdims: 1 }),
    ops: ['Mul', 'ReduceSum'],
    count: 0,
  },
  'scaleWeights scales the weights of an upsampling': {
    rule: scaleWeights,
    image: [1, 8, 64, 64],
    write: (b, x, s) =>
      b.op('ConvTranspose', [b.op('Mul', [s, x]), random(b, [8, 1, 2, 2], 1)], { strides: [2, 2], group: 2 }),
    ops: ['Reshape', 'Mul', 'ConvTranspose'],
    count: 1,
  },
  'scaleWeights scales the weights of a convolution to half the channels, past a mask': {
    rule: scaleWeights,
    image: [1, 8, 64, 64],
    write: (b, x, s) => {
      const masked = b.op('Mul', [random(b, [1, 8, 64, 64], 1), b.op('Mul', [x, s])]);
      return b.op('Conv', [masked, random(b, [4, 8, 1, 1], 2), random(b, [4], 3)]);
    },
    ops: ['Mul', 'Reshape', 'Mul', 'Conv'],
    count: 1,
  },
  'scaleWeights leaves a convolution alone that gains nothing by the plain layout': {
    rule: scaleWeights,
    image: [1, 8, 64, 64],
    write: (b, x, s) => b.op('Conv', [b.op('Mul', [x, s]), random(b, [8, 8, 1, 1], 2)]),
    ops: ['Mul', 'Conv'],
    count: 0,
  },
  'scaleWeights leaves a batch alone, whose photos share the weights': {
    rule: scaleWeights,
    image: [2, 8, 64, 64],
    write: (b, x, s) => b.op('Conv', [b.op('Mul', [x, s]), random(b, [4, 8, 1, 1], 2)]),
    ops: ['Mul', 'Conv'],
    count: 0,
  },
  'winograd takes a wide 3 x 3 convolution of one image': {
    rule: winograd,
    image: [1, 128, 16, 16],
    write: (b, x) =>
      b.op('Conv', [x, random(b, [128, 128, 3, 3], 1), random(b, [128], 2)], { pads: [1, 1, 1, 1] }),
    ops: [
      'Reshape',
      'Conv',
      'Reshape',
      'Transpose',
      'MatMul',
      'Reshape',
      'MatMul',
      'Transpose',
      'Reshape',
      'ConvTranspose',
      'Reshape',
      'Reshape',
      'Add',
    ],
    count: 1,
  },
  'winograd leaves narrow convolutions alone': {
    rule: winograd,
    image: [1, 16, 16, 16],
    write: (b, x) => b.op('Conv', [x, random(b, [16, 16, 3, 3], 1)], { pads: [1, 1, 1, 1] }),
    ops: ['Conv'],
    count: 0,
  },
};

describe('passes to faster forms', () => {
  it.each(Object.entries(cases))('%s', async (_title, each) => {
    const before = graphOf(each);
    const { graph, count } = rewrite(before, each.rule);
    expect(count).toBe(each.count);
    expect(opsOf(graph)).toEqual(each.ops);
    expect(differenceOf(await run(before), await run(graph))).toBeLessThan(2e-5);
  });

  it('winograd gives every image of a batch its own result', async () => {
    const each = {
      ...cases['winograd takes a wide 3 x 3 convolution of one image']!,
      image: [2, 128, 16, 12],
    };
    const before = graphOf(each);
    const { graph } = rewrite(before, winograd);
    expect(differenceOf(await run(before), await run(graph))).toBeLessThan(2e-5);
  });

  it('steepActivations saves the scaling of masks and changes neither loss nor gradient', async () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [1, 4, 6, 6]);
    const s = b.input('s', 'float32', [1, 5, 1, 1]);
    const z = b.op('Conv', [x, random(b, [5, 4, 1, 1], 1), random(b, [5], 2)]);
    const y = b.op('LeakyRelu', [b.op('Add', [z, random(b, [1, 1, 6, 6], 3)])], { alpha: 0.2 });
    b.output(b.op('ReduceSumSquare', [b.op('Mul', [y, s])], { keepdims: 0 }), 'loss');
    const plain = b.build();
    const steep = rewriteAll(plain, [steepActivations, absorbScalar]);
    expect(steep.steep.size).toBe(1);
    const results = await Promise.all([plain, steep].map(gradientOf));
    expect(differenceOf(results[0]!.y, results[1]!.y)).toBeLessThan(1e-5);
    const scaledMasks = results.map(({ graph }) => masksOfProducts(graph));
    expect(scaledMasks).toEqual([1, 0]);
  });
});

/** The gradient for x and s, one after the other. */
async function gradientOf(forward: Graph): Promise<{ graph: Graph; y: Float32Array }> {
  const b = new GraphBuilder('gradient');
  const inputs = forward.inputs.map((name) => b.input(name, 'float32', forward.types.get(name)!.shape));
  const bindings = new Map(inputs.map((value) => [value.name, value]));
  const loss = b.inline(forward, bindings).get('loss')!;
  const flat = gradients(b, loss, inputs).map((g) => b.op('Reshape', [g, b.ints([-1])]));
  b.output(b.op('Concat', flat, { axis: 0 }), 'y');
  const graph = b.build();
  return { graph, y: await run(graph) };
}

/** How many clips read a product. */
function masksOfProducts(graph: Graph): number {
  const products = new Set(graph.nodes.filter(({ op }) => op === 'Mul').flatMap(({ outputs }) => outputs));
  return graph.nodes.filter(({ op, inputs }) => op === 'Clip' && products.has(inputs[0]!)).length;
}
