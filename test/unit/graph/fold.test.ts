/** Nodes of constants, computed while a file is read: the same numbers as ONNX Runtime's. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { foldConstants } from '../../../src/models/graph/passes/constant-folding.js';
import { rewrite } from '../../../src/models/graph/passes/rewrite.js';
import { readOnnx } from '../../../src/models/graph/read-onnx.js';
import { bool, f32, i64, numbersOf, type Tensor, tensorOf } from '../../../src/models/graph/tensor.js';
import { type FileAttribute, onnxFile, runFile } from '../../support/onnx-file.js';
import { compile } from '../../support/run-graph.js';

type Row = readonly [
  op: string,
  inputs: readonly (Tensor | null)[],
  attrs?: Readonly<Record<string, FileAttribute>>,
  outputs?: number,
];

const END = Number.MAX_SAFE_INTEGER;
const whole = i64([7, -7, 3, 0, 12, 5], [2, 3]);
const real = f32([0.5, -1.5, 2.5, 3.25, -0.25, 1], [2, 3]);
const positive = f32([0.5, 1.5, 2.5, 3.25, 0.25, 1], [2, 3]);
const three = i64([2, -3, 5]);
const truths = bool([true, false, false, true, true, false], [2, 3]);

const ROWS: readonly Row[] = [
  ['Add', [whole, three]],
  ['Sub', [three, whole]],
  ['Mul', [real, f32([2])]],
  ['Div', [whole, three]],
  ['Div', [real, f32([2, 4, 8], [3])]],
  ['Mod', [whole, three]],
  ['Mod', [real, f32([0.75])], { fmod: 1 }],
  ['Mod', [whole, three], { fmod: 1 }],
  ['Pow', [positive, f32([2.5])]],
  ['Pow', [i64([2, 3]), i64([5, 2])]],
  ['Neg', [whole]],
  ['Abs', [real]],
  ['Sign', [whole]],
  ['Floor', [real]],
  ['Ceil', [real]],
  ['Round', [real]],
  ['Sqrt', [positive]],
  ['Reciprocal', [real]],
  ['Exp', [real]],
  ['Log', [positive]],
  ['Min', [whole, three, i64([1], [1])]],
  ['Max', [whole, three]],
  ['Equal', [whole, i64([3], [1])]],
  ['Greater', [real, f32([0.5])]],
  ['GreaterOrEqual', [real, f32([0.5])]],
  ['Less', [whole, three]],
  ['LessOrEqual', [whole, three]],
  ['And', [truths, bool([true, false, true], [3])]],
  ['Or', [truths, bool([true, false, true], [3])]],
  ['Xor', [truths, bool([true, false, true], [3])]],
  ['Not', [truths]],
  ['Where', [truths, whole, i64([9], [1])]],
  ['Cast', [real], { to: 7 }],
  ['Cast', [whole], { to: 9 }],
  ['Cast', [truths], { to: 1 }],
  ['ReduceSum', [whole, i64([0])], { keepdims: 0 }],
  ['ReduceMean', [real, i64([1])]],
  ['ReduceProd', [whole], { keepdims: 0 }],
  ['ReduceMax', [whole, i64([-1])]],
  ['ReduceMin', [real, i64([0])]],
  ['ReduceSum', [whole, i64([], [0])], { noop_with_empty_axes: 1 }],
  ['Range', [i64([10], []), i64([1], []), i64([-3], [])]],
  ['Range', [f32([0]), f32([1]), f32([0.3])]],
  ['ConstantOfShape', [i64([2, 3])], { value: i64([7]) }],
  ['ConstantOfShape', [i64([2])]],
  ['NonZero', [whole]],
  ['Identity', [whole]],
  ['Reshape', [whole, i64([-1, 2])]],
  ['Flatten', [whole], { axis: 0 }],
  ['Squeeze', [i64([1, 2], [1, 2]), i64([0])]],
  ['Unsqueeze', [whole, i64([0, -1])]],
  ['Expand', [i64([1, 2], [2, 1]), i64([3, 1, 4])]],
  ['Transpose', [whole]],
  ['Concat', [whole, i64([1, 2], [2, 1])], { axis: -1 }],
  ['Tile', [i64([1, 2], [2, 1]), i64([2, 3])]],
  ['Split', [whole, i64([1, 2])], { axis: 1 }, 2],
  ['Slice', [whole, i64([0, -1]), i64([END, -9]), i64([0, 1]), i64([1, -1])]],
  ['Slice', [whole, i64([3]), i64([END])]],
  ['Gather', [whole, i64([-1, 0], [2, 1])], { axis: 1 }],
];

const OPSET = 18;

describe('a node of constants becomes the constants that it computes', () => {
  it.each(ROWS.map((row) => [`${row[0]} ${JSON.stringify(row[2] ?? {}, bare)}`, row] as const))(
    '%s',
    async (_title, [op, inputs, attrs, outputs = 1]) => {
      const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
      const constants = Object.fromEntries(
        inputs.flatMap((tensor, i) => (tensor ? [[`c${i}`, tensor]] : [])),
      );
      const nodes = [{ op, inputs: Object.keys(constants), outputs: names, attrs }];
      const file = onnxFile({ opset: OPSET, constants, nodes, outputs: names });
      const graph = readOnnx(file);
      const wanted = await runFile(file);
      for (const name of names) {
        const source = graph.nodes.find(({ outputs }) => outputs[0] === name)?.inputs[0] ?? name;
        const { shape, ...found } = graph.constants.get(source)!;
        expect(shape).toEqual(wanted[name]!.shape);
        for (const [i, x] of numbersOf({ shape, ...found }).entries())
          expect(x).toBeCloseTo(wanted[name]!.data[i]!, 5);
      }
      expect(graph.nodes.filter((node) => node.op !== 'Identity')).toEqual([]);
    },
  );

  it('keeps whole numbers whole, and those beyond 64 bits at their bounds', () => {
    expect(tensorOf('int64', [3], [1.9, -1.9, Number.POSITIVE_INFINITY]).data).toEqual(
      BigInt64Array.of(1n, -1n, 2n ** 63n - 1n),
    );
  });

  it('refuses to divide whole numbers by zero, naming the node', () => {
    const constants = { a: whole, zero: i64([0]) };
    const nodes = [{ op: 'Div', inputs: ['a', 'zero'], outputs: ['y'] }];
    expect(() => readOnnx(onnxFile({ opset: OPSET, constants, nodes, outputs: ['y'] }))).toThrow(
      "Div 'y' ([2,3], [1]): divides whole numbers by zero",
    );
  });
});

const bare = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

describe('constant folding as a pass', () => {
  it('computes what no input reaches and keeps the names of outputs', async () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2, 3]);
    const scale = b.op('Mul', [b.constant(real), b.op('Transpose', [b.constant(f32([1, 2], [1, 2]))])]);
    b.output(b.op('Add', [x, scale]), 'y');
    b.output(b.op('Exp', [b.constant(f32([0, 1], [2]))]), 'e');
    const { graph, count } = rewrite(b.build(), foldConstants());
    expect(count).toBe(3);
    expect(graph.nodes.map(({ op, outputs }) => [op, outputs[0]])).toEqual([
      ['Add', 'Add_0'],
      ['Identity', 'y'],
      ['Identity', 'e'],
    ]);
    const { run, release } = await compile(graph);
    const { y, e } = await run({ x: new Float32Array(6) });
    expect([...y!]).toEqual([0.5, -1.5, 2.5, 6.5, -0.5, 2]);
    expect(e![1]).toBeCloseTo(Math.E, 6);
    await release();
  });

  it('leaves what would grow large', () => {
    const b = new GraphBuilder('g');
    const wide = b.op('Expand', [b.scalar(1), b.ints([1000, 1000])]);
    b.output(wide, 'y');
    expect(rewrite(b.build(), foldConstants()).count).toBe(0);
  });

  it('leaves what is larger than asked for', () => {
    const b = new GraphBuilder('g');
    b.output(b.op('Transpose', [b.constant(real)]), 'y');
    expect(rewrite(b.build(), foldConstants(5)).count).toBe(0);
    expect(rewrite(b.build(), foldConstants(6)).count).toBe(1);
  });
});
