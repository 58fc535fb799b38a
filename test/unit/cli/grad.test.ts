import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grad } from '../../../src/cli/grad-command.js';
import { f32, i64 } from '../../../src/models/graph/tensor.js';
import { type FileModel, onnxFile, runFile } from '../../support/onnx-file.js';

/** loss = sum (2 a x + y)^2, all of it in N rows of 3. */
const MODEL: FileModel = {
  opset: 20,
  inputs: { x: { shape: ['N', 3] }, y: { shape: ['N', null] }, a: { shape: [3] } },
  constants: { two: f32([2]), axes: i64([0, 1]) },
  nodes: [
    { op: 'Mul', inputs: ['x', 'two'], outputs: ['twice'] },
    { op: 'Mul', inputs: ['twice', 'a'], outputs: ['scaled'] },
    { op: 'Add', inputs: ['scaled', 'y'], outputs: ['sum'] },
    { op: 'ReduceSumSquare', inputs: ['sum', 'axes'], outputs: ['loss'], attrs: { keepdims: 0 } },
    { op: 'Sign', inputs: ['x'], outputs: ['sign'] },
    { op: 'ReduceSum', inputs: ['sign', 'axes'], outputs: ['signs'], attrs: { keepdims: 0 } },
  ],
  outputs: ['loss', 'sum', 'signs'],
};

let folder: string;
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latentmorph-'));
  writeFileSync(path('model.onnx'), onnxFile(MODEL));
});
afterAll(() => rmSync(folder, { recursive: true }));

const DIMS = ['--dim', 'N=2', '--dim', 'y.1=3'];

function run(...args: string[]): string[] {
  const lines: string[] = [];
  grad(args, (line) => lines.push(line));
  return lines;
}

const gradOf = (wrt: string, loss: string, ...more: string[]): string[] =>
  run(path('model.onnx'), '--wrt', wrt, '--loss', loss, '-o', path('grad.onnx'), ...more);

describe('npm run grad', () => {
  it('writes a model that gives the loss and the gradients', async () => {
    gradOf('x,a', 'loss', ...DIMS);
    const out = await runFile(readFileSync(path('grad.onnx')), {
      x: new ort.Tensor('float32', [1, 2, 3, 4, 5, 6], [2, 3]),
      y: new ort.Tensor('float32', [1, 1, 1, 0, 0, 0], [2, 3]),
      a: new ort.Tensor('float32', [1, 0, -1], [3]),
    });
    expect(Object.keys(out)).toEqual(['loss', 'grad_x', 'grad_a']);
    expect(out.loss).toEqual({ shape: [], data: [9 + 1 + 25 + 64 + 144] });
    // 2 (2 a x + y) 2 a
    expect(out.grad_x).toEqual({ shape: [2, 3], data: [12, 0, 20, 32, 0, 48] });
    // summed over the rows: 2 (2 a x + y) 2 x
    expect(out.grad_a).toEqual({ shape: [3], data: [12 + 128, 8, -60 - 288] });
  });

  it('prints how many nodes of each op there were and are', () => {
    const lines = gradOf('x', 'loss', ...DIMS);
    expect(lines.find((line) => line.startsWith('ReduceSumSquare'))).toMatch(/ 1 +1$/);
    expect(lines.find((line) => line.startsWith('Mul'))).toMatch(/ 2 +\d+$/);
    expect(lines.find((line) => line.startsWith('size'))).toMatch(/MiB .* MiB$/);
    expect(lines.at(-1)).toBe(`\n${path('grad.onnx')}: x [2,3], y [2,3], a [3] -> loss [], grad_x [2,3]`);
  });

  it('prints one JSON object as its last line when asked to', () => {
    const lines = gradOf('x', 'loss', ...DIMS, '--json');
    const report = JSON.parse(lines.at(-1)!);
    expect(report).toMatchObject({
      loss: 'loss',
      wrt: ['x'],
      inputs: { x: [2, 3], y: [2, 3], a: [3] },
      outputs: { loss: [], grad_x: [2, 3] },
      nodes: { before: { Mul: 2, Add: 1, ReduceSumSquare: 1, Sign: 1, ReduceSum: 1 } },
      bytes: {
        before: readFileSync(path('model.onnx')).length,
        after: readFileSync(path('grad.onnx')).length,
      },
    });
    expect(report.nodes.after).not.toHaveProperty('Sign');
  });

  it('explains itself', () => {
    expect(run('--help').join('\n')).toContain('Usage: npm run grad');
  });

  it.each([
    [
      'an open axis',
      () => gradOf('x', 'loss'),
      "Axis 0 of input 'x' is open ('N'): give its size, as in --dim 'N=1'",
    ],
    ['an open axis without a name', () => gradOf('x', 'loss', '--dim', 'N=2'), "as in --dim 'y.1=1'"],
    [
      'an unknown input',
      () => gradOf('z', 'loss', ...DIMS),
      "The model has no input 'z'; it has 'x' [2,3], 'y' [2,3], 'a' [3]",
    ],
    [
      'an unknown output',
      () => gradOf('x', 'cost', ...DIMS),
      "The model has no output 'cost'; it has 'loss' []",
    ],
    ['a loss of many elements', () => gradOf('x', 'sum', ...DIMS), "'sum' has shape [2,3]: reduce it first"],
    [
      'a loss of zero gradient',
      () => gradOf('x', 'signs', ...DIMS),
      "only through ops with zero gradient: Sign 'sign' ([2,3])",
    ],
    [
      'a loss that does not depend',
      () => gradOf('y', 'signs', ...DIMS),
      "The loss 'signs' does not depend on 'y'",
    ],
    [
      'a malformed size',
      () => gradOf('x', 'loss', '--dim', 'N'),
      "Expected --dim NAME=SIZE, as in --dim N=1, but received 'N'",
    ],
    ['missing arguments', () => run(path('model.onnx')), 'Expected one model, --wrt, --loss and -o.'],
    ['an unknown option', () => run('--lose', 'x'), "Unknown option '--lose'"],
  ])('stops at %s', (_what, call, message) => {
    expect(call).toThrow(message);
  });
});
