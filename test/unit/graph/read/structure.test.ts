/** What files hold beside plain nodes: constants of every form, functions, branches, unused outputs, shape arithmetic. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../../src/models/graph/ir.js';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { bool, f32, i64, sizeOf } from '../../../../src/models/graph/tensor.js';
import { verify } from '../../../../src/models/graph/verify.js';
import { writeOnnx } from '../../../../src/models/graph/write-onnx.js';
import { type FileModel, type FileNode, onnxFile, runFile } from '../../../support/onnx-file.js';
import { uniform } from '../../../support/run-graph.js';

/** Reads the file and expects the graph to compute what ONNX Runtime makes of the file itself. */
async function readAsRun(model: FileModel, shape: readonly number[], dims = {}): Promise<Graph> {
  const file = onnxFile(model);
  const graph = verify(readOnnx(file, { dims }));
  const feeds = { x: new ort.Tensor('float32', uniform(sizeOf(shape), 3), [...shape]) };
  const [wanted, found] = [await runFile(file, feeds), await runFile(writeOnnx(graph), feeds)];
  for (const name of model.outputs) {
    expect(found[name]!.shape).toEqual(wanted[name]!.shape);
    for (const [i, value] of wanted[name]!.data.entries()) expect(found[name]!.data[i]).toBeCloseTo(value, 5);
  }
  return graph;
}

const ops = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op);
const constant = (name: string, attrs: NonNullable<FileNode['attrs']>): FileNode => ({
  op: 'Constant',
  outputs: [name],
  attrs,
});

describe('constants', () => {
  it('are read from attributes of every form', async () => {
    const nodes: FileNode[] = [
      constant('tensor', { value: f32([1, 2], [2]) }),
      constant('float', { value_float: { real: 2 } }),
      constant('floats', { value_floats: { real: [0.5, 4] } }),
      constant('int', { value_int: 3 }),
      constant('ints', { value_ints: [2, 1] }),
      { op: 'Add', inputs: ['x', 'tensor'], outputs: ['a'] },
      { op: 'Mul', inputs: ['a', 'float'], outputs: ['b'] },
      { op: 'Sub', inputs: ['b', 'floats'], outputs: ['c'] },
      { op: 'Pow', inputs: ['c', 'int'], outputs: ['d'] },
      { op: 'Reshape', inputs: ['d', 'ints'], outputs: ['y'] },
    ];
    const graph = await readAsRun({ opset: 20, inputs: { x: { shape: [2] } }, nodes, outputs: ['y'] }, [2]);
    expect(ops(graph)).toEqual(['Add', 'Mul', 'Sub', 'Pow', 'Reshape']);
  });

  it('that nothing reads are left out, as are nodes', async () => {
    const nodes: FileNode[] = [
      { op: 'Exp', inputs: ['x'], outputs: ['unused'] },
      { op: 'Neg', inputs: ['x'], outputs: ['y'] },
    ];
    const model = {
      opset: 18,
      inputs: { x: { shape: [2] } },
      constants: { w: f32([1]) },
      nodes,
      outputs: ['y'],
    };
    const graph = await readAsRun(model, [2]);
    expect(ops(graph)).toEqual(['Neg']);
    expect([...graph.constants.keys()]).toEqual([]);
  });

  it('may stand for inputs, and be outputs', async () => {
    const graph = await readAsRun(
      {
        opset: 18,
        inputs: { x: { shape: [2] }, w: { shape: [2] } },
        constants: { w: f32([3, 4], [2]) },
        nodes: [{ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }],
        outputs: ['y', 'w'],
      },
      [2],
    );
    expect(graph.inputs).toEqual(['x']);
  });
});

describe('shape arithmetic', () => {
  it('is gone once the sizes of the inputs are known', async () => {
    const nodes: FileNode[] = [
      { op: 'Shape', inputs: ['x'], outputs: ['s'] },
      { op: 'Gather', inputs: ['s', 'zero'], outputs: ['n'], attrs: { axis: 0 } },
      { op: 'Unsqueeze', inputs: ['n', 'first'], outputs: ['n1'] },
      { op: 'Concat', inputs: ['n1', 'rest'], outputs: ['flat'], attrs: { axis: 0 } },
      { op: 'Reshape', inputs: ['x', 'flat'], outputs: ['r'] },
      { op: 'ConstantOfShape', inputs: ['n1'], outputs: ['ones'], attrs: { value: i64([1]) } },
      { op: 'Mul', inputs: ['ones', 'minus'], outputs: ['minuses'] },
      { op: 'Equal', inputs: ['n1', 'minuses'], outputs: ['open'] },
      { op: 'Where', inputs: ['open', 'ones', 'n1'], outputs: ['size'] },
      { op: 'Cast', inputs: ['size'], outputs: ['real'], attrs: { to: 1 } },
      { op: 'Div', inputs: ['r', 'real'], outputs: ['y'] },
    ];
    const constants = { zero: i64([0], []), first: i64([0]), rest: i64([-1]), minus: i64([-1]) };
    const model = { opset: 17, inputs: { x: { shape: ['N', 2, 'H'] } }, constants, nodes, outputs: ['y'] };
    const graph = await readAsRun(model, [1, 2, 3], { N: 1, H: 3 });
    expect(ops(graph)).toEqual(['Reshape', 'Div']);
    expect(graph.types.get('y')!.shape).toEqual([1, 6]);
  });
});

describe('branches', () => {
  const branch = (op: string) => ({
    nodes: [{ op, inputs: ['x'], outputs: ['z'] }],
    outputs: ['z'],
    outputShape: [3],
  });
  const choice = (then: boolean): FileModel => ({
    opset: 18,
    inputs: { x: { shape: [3] } },
    constants: { condition: bool([then]) },
    nodes: [
      {
        op: 'If',
        inputs: ['condition'],
        outputs: ['chosen'],
        attrs: { then_branch: branch('Exp'), else_branch: branch('Neg') },
      },
      { op: 'Abs', inputs: ['chosen'], outputs: ['y'] },
    ],
    outputs: ['y'],
  });

  it('are taken where the condition is known', async () => {
    expect(ops(await readAsRun(choice(true), [3]))).toEqual(['Exp', 'Abs']);
    expect(ops(await readAsRun(choice(false), [3]))).toEqual(['Neg', 'Abs']);
  });
});

describe('functions of the model', () => {
  const twice: FileModel = {
    opset: 18,
    domains: { own: 1 },
    inputs: { x: { shape: [4] } },
    functions: [
      {
        domain: 'own',
        name: 'Shifted',
        inputs: ['value', 'by'],
        outputs: ['result'],
        attributes: ['to'],
        nodes: [
          { op: 'Add', inputs: ['value', 'by'], outputs: ['sum'] },
          { op: 'Cast', inputs: ['sum'], outputs: ['result'], references: { to: 'to' } },
        ],
      },
    ],
    constants: { one: f32([1]) },
    nodes: [
      { op: 'Shifted', domain: 'own', inputs: ['x', 'one'], outputs: ['a'], attrs: { to: 1 } },
      { op: 'Shifted', domain: 'own', inputs: ['a', 'one'], outputs: ['y'], attrs: { to: 7 } },
    ],
    outputs: ['y'],
  };

  it('are put in place, each call with its own names and attributes', async () => {
    const graph = await readAsRun(twice, [4]);
    expect(ops(graph)).toEqual(['Add', 'Cast', 'Add', 'Cast', 'Identity']);
    expect(graph.types.get('y')!.dtype).toBe('int64');
  });
});

describe('optional parts', () => {
  it('are inputs left out in the middle and outputs that nothing reads', async () => {
    const nodes: FileNode[] = [
      { op: 'Clip', inputs: ['x', '', 'high'], outputs: ['a'] },
      { op: 'MaxPool', inputs: ['a'], outputs: ['b', 'places'], attrs: { kernel_shape: [2] } },
      { op: 'Dropout', inputs: ['b'], outputs: ['c', 'mask'] },
      { op: 'LayerNormalization', inputs: ['c', 'scale'], outputs: ['d', '', 'rate'] },
      { op: 'Split', inputs: ['d'], outputs: ['left', 'y'], attrs: { axis: 2, num_outputs: 2 } },
    ];
    const constants = { high: f32([0.5]), scale: f32([2]) };
    const graph = await readAsRun(
      { opset: 18, inputs: { x: { shape: [1, 2, 5] } }, constants, nodes, outputs: ['y'] },
      [1, 2, 5],
    );
    expect(ops(graph)).toEqual(['Clip', 'MaxPool', 'LayerNormalization', 'Split']);
  });

  it('a mask of a dropout that is read is all true', async () => {
    const nodes: FileNode[] = [
      { op: 'Dropout', inputs: ['x'], outputs: ['kept', 'mask'] },
      { op: 'Cast', inputs: ['mask'], outputs: ['y'], attrs: { to: 1 } },
    ];
    await readAsRun({ opset: 18, inputs: { x: { shape: [3] } }, nodes, outputs: ['y'] }, [3]);
  });

  it("names that our own writing would take stay the file's", async () => {
    const nodes: FileNode[] = [
      { op: 'Gelu', inputs: ['x'], outputs: ['first'] },
      { op: 'Exp', inputs: ['first'], outputs: ['Mul_0'] },
      { op: 'Gelu', inputs: ['Mul_0'], outputs: ['scalar_0'] },
    ];
    const graph = await readAsRun(
      { opset: 20, inputs: { x: { shape: [3] } }, nodes, outputs: ['Mul_0', 'scalar_0'] },
      [3],
    );
    expect(graph.outputs).toEqual(['Mul_0', 'scalar_0']);
  });
});
