import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../src/models/graph/builder.js';
import { gradients } from '../../../../src/models/graph/gradient.js';
import { type Graph, isGraph, type Value } from '../../../../src/models/graph/ir.js';
import { repeat } from '../../../../src/models/graph/loop.js';
import { halfPrecision } from '../../../../src/models/graph/passes/half-precision.js';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { f32, i64, type Shape, sizeOf } from '../../../../src/models/graph/tensor.js';
import { verify } from '../../../../src/models/graph/verify.js';
import { writeOnnx } from '../../../../src/models/graph/write-onnx.js';
import { emulateHalf } from '../../../support/emulate-half.js';
import { compile, type Feeds, uniform } from '../../../support/run-graph.js';

const ALL = { leastMacs: 1, leastElements: 1 };
const IMAGE: Shape = [1, 8, 12, 12];

const random = (b: GraphBuilder, shape: Shape, seed: number) =>
  b.constant(f32(uniform(sizeOf(shape), seed), shape));
const conv = (b: GraphBuilder, x: Value, seed: number): Value =>
  b.op('Conv', [x, random(b, [8, 8, 3, 3], seed), random(b, [8], seed + 1)], { pads: [1, 1, 1, 1] });

function graphOf(write: (b: GraphBuilder, x: Value) => Value): Graph {
  const b = new GraphBuilder('g');
  b.output(write(b, b.input('x', 'float32', IMAGE)), 'y');
  return b.build();
}

const feeds = { x: uniform(sizeOf(IMAGE), 3) };

async function run(graph: Graph, given: Feeds = feeds): Promise<Record<string, Float32Array>> {
  const compiled = await compile(graph);
  try {
    return await compiled.run(given);
  } finally {
    await compiled.release();
  }
}

/** Every node of one precision, bodies of loops included. */
const opsOf = (graph: Graph, dtype: string): string[] =>
  graph.nodes.flatMap(({ op, outputs, attrs }) => [
    ...(graph.types.get(outputs[0]!)!.dtype === dtype ? [op] : []),
    ...Object.values(attrs).flatMap((attribute) => (isGraph(attribute) ? opsOf(attribute, dtype) : [])),
  ]);

const relative = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...a);

describe('halfPrecision', () => {
  it('casts at the borders of a region and nowhere inside', () => {
    const graph = graphOf((b, x) => conv(b, b.op('LeakyRelu', [conv(b, x, 1)], { alpha: 0.2 }), 3));
    const { graph: half, count } = halfPrecision(graph, ALL);
    expect(count).toBe(3);
    expect(opsOf(verify(half), 'float16')).toEqual(['Cast', 'Conv', 'LeakyRelu', 'Conv']);
    expect(opsOf(half, 'float32')).toEqual(['Cast', 'Identity']);
    for (const [name, { dtype }] of half.types) {
      if (half.constants.has(name)) expect(dtype).toBe('float16');
    }
  });

  it('keeps inputs and outputs, and is read back as it was written', () => {
    const half = halfPrecision(
      graphOf((b, x) => conv(b, x, 1)),
      ALL,
    ).graph;
    const read = readOnnx(writeOnnx(half));
    expect(read.inputs.map((name) => read.types.get(name))).toEqual([{ dtype: 'float32', shape: IMAGE }]);
    expect(read.outputs.map((name) => read.types.get(name)?.dtype)).toEqual(['float32']);
    expect([...read.constants.values()]).toEqual([...half.constants.values()]);
  });

  it('agrees with single precision to what half holds', async () => {
    const graph = graphOf((b, x) => conv(b, b.op('Relu', [b.op('Add', [conv(b, x, 1), x])]), 3));
    const half = halfPrecision(graph, ALL).graph;
    const [{ y: exact }, { y: kernels }, { y: rounded }] = [
      await run(graph),
      await run(half),
      await run(emulateHalf(half)),
    ];
    expect(relative(exact!, kernels!)).toBeLessThan(1e-3);
    expect(relative(exact!, rounded!)).toBeLessThan(1e-3);
    expect(relative(exact!, rounded!)).toBeGreaterThan(1e-5);
  });

  it('leaves losses and what is made of them in single precision', async () => {
    const graph = graphOf((b, x) => {
      const loss = b.op('ReduceL2', [b.op('Sub', [conv(b, x, 1), random(b, IMAGE, 9)])], { keepdims: 0 });
      return gradients(b, b.output(loss, 'loss'), [x])[0]!;
    });
    const half = verify(halfPrecision(graph, ALL).graph);
    // Forward and backward convolution; the difference is summed up, and its scale is one over a norm.
    expect(opsOf(half, 'float16').filter((op) => op !== 'Cast')).toEqual(['Conv', 'Conv']);
    const [exact, rounded] = [await run(graph), await run(emulateHalf(half))];
    expect(Math.abs(rounded.loss![0]! / exact.loss![0]! - 1)).toBeLessThan(1e-3);
    expect(relative(exact.y!, rounded.y!)).toBeLessThan(2e-3);
  });

  it('takes the sign where a mask would leave the range', async () => {
    const graph = graphOf((b, x) => {
      const y = conv(b, b.op('LeakyRelu', [conv(b, x, 1)], { alpha: 0.2 }), 3);
      return gradients(b, b.op('ReduceSum', [y], { keepdims: 0 }), [x])[0]!;
    });
    const half = verify(halfPrecision(graph, ALL).graph);
    expect(opsOf(half, 'float16')).toContain('Sign');
    expect(opsOf(half, 'float16')).toContain('Clip');
    const [{ y: exact }, { y: rounded }] = [await run(graph), await run(emulateHalf(half))];
    expect(relative(exact!, rounded!)).toBeLessThan(1e-2);
  });

  it('leaves alone what is out of range, small, or cheap', () => {
    const count = (write: (b: GraphBuilder, x: Value) => Value, options = ALL) =>
      halfPrecision(graphOf(write), options).count;
    const steep = (b: GraphBuilder, x: Value) =>
      b.op('Conv', [x, b.constant(f32(new Float32Array(64).fill(1e6), [8, 8, 1, 1]))]);
    expect(count(steep)).toBe(0);
    const once = (b: GraphBuilder, x: Value) => conv(b, x, 1);
    expect(count(once)).toBe(1);
    const elements = sizeOf(IMAGE);
    expect(count(once, { leastMacs: 1, leastElements: elements + 1 })).toBe(0);
    expect(count(once, { leastMacs: elements * 72 + 1, leastElements: 1 })).toBe(0);
    expect(count(once, { leastMacs: elements * 72, leastElements: elements })).toBe(1);
  });

  it('takes factors per channel along, but not those made of the activations themselves', () => {
    const scaled = (factor: (b: GraphBuilder, y: Value) => Value) =>
      halfPrecision(
        graphOf((b, x) => {
          const y = conv(b, x, 1);
          return conv(b, b.op('Mul', [y, factor(b, y)]), 3);
        }),
        ALL,
      ).count;
    const mean = (b: GraphBuilder, y: Value) => b.op('ReduceMean', [y, b.constant(i64([2, 3]))]);
    expect(scaled((b) => random(b, [1, 8, 1, 1], 5))).toBe(3);
    expect(scaled(mean)).toBe(2);
  });

  it('takes resampling along, but not its scales', async () => {
    const graph = graphOf((b, x) => {
      const scales = b.constant(f32([1, 1, 2, 2], [4]));
      const up = b.op('Resize', [conv(b, x, 1), undefined, scales], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      });
      return conv(b, up, 3);
    });
    const { graph: half, count } = halfPrecision(graph, ALL);
    expect(count).toBe(3);
    expect(opsOf(verify(half), 'float16')).toEqual(['Cast', 'Conv', 'Resize', 'Conv']);
    const [{ y: exact }, { y: kernels }] = [await run(graph), await run(half)];
    expect(relative(exact!, kernels!)).toBeLessThan(1e-3);
  });

  it('casts what a loop takes from outside once, before the loop', async () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', IMAGE);
    const noise = b.op('Mul', [x, b.scalar(0.1)]);
    const { state } = repeat(b, b.constant(i64([3], [])), [x], (body, _i, [y]) => ({
      state: [body.op('Mul', [body.op('Add', [conv(body, y!, 1), noise]), body.scalar(0.1)])],
      collect: [],
    }));
    b.output(state[0]!, 'y');
    const graph = b.build();
    const { graph: half, count } = halfPrecision(graph, ALL);
    // The product leaves the body and is not worth rounding; the sum is read by it alone.
    expect(count).toBe(1);
    const kept = halfPrecision(
      graphOf((outer, value) => {
        const offset = outer.op('Mul', [value, outer.scalar(0.1)]);
        return repeat(outer, outer.constant(i64([3], [])), [value], (body, _i, [y]) => ({
          state: [conv(body, body.op('Add', [conv(body, y!, 1), offset]), 3)],
          collect: [],
        })).state[0]!;
      }),
      ALL,
    );
    expect(kept.count).toBe(3);
    expect(kept.graph.nodes.map(({ op }) => op)).toEqual(['Mul', 'Cast', 'Loop', 'Identity']);
    const [{ y: exact }, { y: rounded }] = [await run(graph), await run(emulateHalf(verify(half)))];
    expect(relative(exact!, rounded!)).toBeLessThan(2e-3);
  });
});
