/** Files that would become more than a machine holds, or never end, and files with what their ops do not expect. */
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { f32, i64 } from '../../../../src/models/graph/tensor.js';
import { type FileGraph, type FileModel, type FileNode, onnxFile } from '../../../support/onnx-file.js';

const X = { x: { shape: [2, 2] } };
const read = (model: Partial<FileModel>) => () =>
  readOnnx(onnxFile({ opset: 18, inputs: X, nodes: [], outputs: ['y'], ...model }));
const call = (name: string, from: string, to: string): FileNode => ({
  op: name,
  domain: 'own',
  inputs: [from],
  outputs: [to],
});
const fn = (name: string, nodes: FileNode[]) => ({
  domain: 'own',
  name,
  inputs: ['a'],
  outputs: ['b'],
  nodes,
});
const domains = { own: 1 };

function timed(run: () => unknown): number {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}

describe('a file that grows', () => {
  it('by a function that calls itself is refused', () => {
    const functions = [fn('f', [call('f', 'a', 'b')])];
    expect(read({ domains, functions, nodes: [call('f', 'x', 'y')] })).toThrow('deeper than 32 levels');
  });

  it('by functions that call the next one twice is refused in a second', () => {
    const functions = Array.from({ length: 30 }, (_, i) =>
      fn(
        `f${i}`,
        i === 29
          ? [{ op: 'Neg', inputs: ['a'], outputs: ['b'] }]
          : [call(`f${i + 1}`, 'a', 'm'), call(`f${i + 1}`, 'm', 'b')],
      ),
    );
    const bomb = read({ domains, functions, nodes: [call('f0', 'x', 'y')] });
    expect(timed(() => expect(bomb).toThrow('far more nodes than its file has'))).toBeLessThan(1000);
  });

  it('by branches within branches is refused in a second', () => {
    const nested = (level: number): FileGraph => ({
      nodes: [
        level === 0
          ? { op: 'Neg', inputs: ['x'], outputs: ['y'] }
          : { op: 'If', inputs: ['c'], outputs: ['y'], attrs: { then_branch: nested(level - 1) } },
      ],
      outputs: ['y'],
    });
    const { nodes } = nested(200);
    const bomb = read({ nodes, constants: { c: f32([1]) } });
    expect(timed(() => expect(bomb).toThrow('deeper than 32 levels'))).toBeLessThan(1000);
    expect(read({ nodes: nested(30).nodes, constants: { c: f32([1]) } })).not.toThrow();
  });

  it('by constants made of shapes is refused', () => {
    const nodes: FileNode[] = Array.from({ length: 200 }, (_, i) => ({
      op: 'ConstantOfShape',
      inputs: ['s'],
      outputs: [`c${i}`],
    }));
    nodes.push({ op: 'Sum', inputs: nodes.map(({ outputs }) => outputs[0]!), outputs: ['y'] });
    expect(read({ nodes, constants: { s: i64([65_536]) } })).toThrow(
      'far more constants than its file holds',
    );
  });

  it('by the mask of a dropout stays small', () => {
    const nodes = [{ op: 'Dropout', inputs: ['x'], outputs: ['y', 'mask'] }];
    const graph = read({ inputs: { x: { shape: [100_000, 100_000] } }, nodes, outputs: ['y', 'mask'] })();
    expect([...graph.constants.values()].every(({ data }) => data.length < 10)).toBe(true);
  });
});

describe('a node with what its op does not expect', () => {
  it.each([
    ['MatMul', []],
    ['MatMul', ['', 'x']],
    ['Conv', ['', 'x']],
    ['MaxPool', []],
    ['Mul', ['x', '']],
    ['Identity', ['']],
  ])('%s of [%s] names the input that was left out', (op, inputs) => {
    expect(read({ nodes: [{ op, inputs, outputs: ['y'] }] })).toThrow(
      /expected input \d, which was left out/,
    );
  });

  it.each(['constructor', 'toString', '__proto__'])('an op named %s is unknown', (op) => {
    expect(read({ nodes: [{ op, inputs: ['x'], outputs: ['y'] }] })).toThrow(`no rule for the op '${op}'`);
  });

  it('constants of two element types are not joined', () => {
    const nodes = [{ op: 'Concat', inputs: ['f', 'i'], outputs: ['y'], attrs: { axis: 0 } }];
    const constants = { f: f32([1], [1]), i: i64([1]) };
    expect(read({ nodes, constants })).toThrow(
      'expected inputs of one element type but received float32, int64',
    );
  });

  it('sizes below zero are refused', () => {
    const nodes = [{ op: 'ConstantOfShape', inputs: ['s'], outputs: ['y'] }];
    expect(read({ nodes, constants: { s: i64([-2]) } })).toThrow('the shape [-2], which none can have');
  });

  it('axes that are fractions are refused', () => {
    const nodes = [{ op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attrs: { axes: { real: [0.5] } } }];
    expect(read({ nodes })).toThrow('Expected whole numbers but received 0.5');
  });
});
