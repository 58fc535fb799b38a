import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { gradients } from '../../../src/models/graph/gradient.js';
import type { Graph } from '../../../src/models/graph/ir.js';
import { readOnnx } from '../../../src/models/graph/read-onnx.js';
import { f32 } from '../../../src/models/graph/tensor.js';
import { verify } from '../../../src/models/graph/verify.js';
import { writeOnnx } from '../../../src/models/graph/write-onnx.js';
import { compile, uniform } from '../../support/run-graph.js';

function small(): Graph {
  const b = new GraphBuilder('small');
  const x = b.input('x', 'float32', [1, 2, 4, 4]);
  const w = b.constant(f32(uniform(36, 1), [2, 2, 3, 3]), 'w');
  const y = b.op('LeakyRelu', [b.op('Conv', [x, w], { pads: [1, 1, 1, 1] })], { alpha: 0.25 });
  b.output(b.op('ReduceMean', [y, b.ints([2, 3])], { keepdims: 0 }), 'y');
  return b.build();
}

describe('the ONNX file', () => {
  it('comes back as the same graph', () => {
    const graph = small();
    const back = readOnnx(writeOnnx(graph));
    expect(back.nodes).toEqual(graph.nodes);
    expect([...back.types].sort()).toEqual([...graph.types].sort());
    expect([...back.constants].sort()).toEqual([...graph.constants].sort());
    expect(writeOnnx(back)).toHaveLength(writeOnnx(graph).length);
  });

  it('is the same bytes for the same graph', () => {
    expect(Buffer.compare(writeOnnx(small()), writeOnnx(small()))).toBe(0);
  });

  it('leaves an axis open and asks for its size when read', async () => {
    const bytes = writeOnnx(small(), { symbolic: { x: { 0: 'N' }, y: { 0: 'N' } } });
    expect(() => readOnnx(bytes)).toThrow("Axis 0 of input 'x' is open ('N')");
    const bound = readOnnx(bytes, { dims: { N: 3 } });
    expect(bound.types.get('y')!.shape).toEqual([3, 2]);
    const { run, release } = await compile(bound);
    expect((await run({ x: uniform(96, 5) })).y).toHaveLength(6);
    await release();
  });

  it('refuses arbitrary bytes without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => readOnnx(bytes)).toThrow();
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a file cut at any place', () => {
    const bytes = writeOnnx(small());
    for (let cut = 0; cut < bytes.length - 8; cut += 3) {
      expect(() => readOnnx(bytes.subarray(0, cut))).toThrow();
    }
  });
});

describe('errors name what is wrong', () => {
  it('an op without a rule', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2]);
    expect(() => b.op('Frobnicate', [x])).toThrow(
      "Frobnicate 'Frobnicate_0' ([2]): There is no rule for the op 'Frobnicate'",
    );
  });

  it('shapes that do not fit, with the node', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2, 3]);
    expect(() => b.op('MatMul', [x, x], {}, 'product')).toThrow(
      "MatMul 'product' ([2,3], [2,3]): inner sizes 3 and 2 differ",
    );
  });

  it('a way to the loss through an op of zero gradient', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2]);
    const loss = b.op('ReduceSum', [b.op('Sign', [x])], { keepdims: 0 });
    expect(() => gradients(b, loss, [x])).toThrow("depends on 'x' only through ops with zero gradient");
  });

  it('a loss that does not depend on the input', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2]);
    const loss = b.op('ReduceSum', [b.input('y', 'float32', [2])], { keepdims: 0 });
    expect(() => gradients(b, loss, [x])).toThrow("does not depend on 'x'");
  });

  it('a loss of many elements', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2]);
    expect(() => gradients(b, x, [x])).toThrow("Expected a loss of one element but 'x' has shape [2]");
  });

  it('a node that reads what comes after it', () => {
    const graph = small();
    expect(() => verify({ ...graph, nodes: [...graph.nodes].reverse() })).toThrow(
      'which is not defined before it',
    );
  });

  it('a declared type that is not what the rule says', () => {
    const graph = small();
    const types = new Map(graph.types).set('y', { dtype: 'float32', shape: [1, 3] });
    expect(() => verify({ ...graph, types })).toThrow("gives 'y' as float32 [1,2], declared float32 [1,3]");
  });
});
