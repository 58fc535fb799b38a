import { expect, test } from 'vitest';
import { macsOf } from '../../../bench/step/macs.js';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import type { Value } from '../../../src/models/graph/ir.js';
import { f32, sizeOf } from '../../../src/models/graph/tensor.js';

/** Multiply-accumulates of the node that `write` adds to an empty graph. */
function macs(write: (b: GraphBuilder, constant: (...shape: number[]) => Value) => Value): number {
  const b = new GraphBuilder('test');
  b.output(write(b, (...shape) => b.constant(f32(new Float32Array(sizeOf(shape)), shape))));
  return macsOf(b.build());
}

test.each([
  ['a convolution', 8 * 16 * 16 * 4 * 9, { pads: [1, 1, 1, 1] }, [8, 4, 3, 3]],
  ['one with strides', 8 * 8 * 8 * 4 * 9, { pads: [1, 1, 1, 1], strides: [2, 2] }, [8, 4, 3, 3]],
  ['one of each channel', 4 * 16 * 16 * 9, { pads: [1, 1, 1, 1], group: 4 }, [4, 1, 3, 3]],
] as const)('%s multiplies its window for each output value', (_, expected, attrs, shape) => {
  const count = macs((b, constant) =>
    b.op('Conv', [b.input('x', 'float32', [1, 4, 16, 16]), constant(...shape)], attrs),
  );
  expect(count).toBe(expected);
});

test('a transposed convolution multiplies its window for each input value', () => {
  const count = macs((b, constant) =>
    b.op('ConvTranspose', [b.input('x', 'float32', [1, 4, 16, 16]), constant(4, 8, 2, 2)], {
      strides: [2, 2],
    }),
  );
  expect(count).toBe(4 * 16 * 16 * 8 * 4);
});

test('matrix products multiply along the shared axis, whichever it is', () => {
  const a = (b: GraphBuilder, ...shape: number[]) => b.input('a', 'float32', shape);
  expect(macs((b, constant) => b.op('MatMul', [a(b, 2, 3, 5), constant(2, 5, 7)]))).toBe(2 * 3 * 7 * 5);
  expect(macs((b, constant) => b.op('Gemm', [a(b, 5, 3), constant(5, 7)], { transA: 1 }))).toBe(3 * 7 * 5);
});

test('what depends on constants alone counts nothing, the rest of the graph does', () => {
  const count = macs((b, constant) => {
    const folded = b.op('MatMul', [constant(5, 5), constant(5, 5)]);
    return b.op('MatMul', [b.input('a', 'float32', [3, 5]), b.op('MatMul', [folded, folded])]);
  });
  expect(count).toBe(3 * 5 * 5);
});
