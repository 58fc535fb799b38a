import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { compile } from '../../support/run-graph.js';

/** y = x + addend, written with the names that a builder makes up. */
function plus(addend: number): ReturnType<GraphBuilder['build']> {
  const b = new GraphBuilder('plus');
  const x = b.input('x', 'float32', [2]);
  b.output(b.op('Add', [x, b.scalar(addend)]), 'y');
  return b.build();
}

test('a graph is copied into one that has its names already', async () => {
  const b = new GraphBuilder('sum');
  const x = b.input('x', 'float32', [2]);
  const own = b.op('Add', [x, b.scalar(1)]);
  const copied = b.inline(plus(10), new Map([['x', own]])).get('y')!;
  const again = b.inline(plus(100), new Map([['x', copied]])).get('y')!;
  b.output(again, 'sum');
  const graph = await compile(b.build());
  const { sum } = await graph.run({ x: [1, 2] });
  expect([...sum!]).toEqual([112, 113]);
  await graph.release();
});
