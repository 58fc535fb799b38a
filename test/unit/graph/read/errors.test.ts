/** What is wrong with a file is said in one sentence: which part or node, what was expected, what to do. */
import { describe, expect, it } from 'vitest';
import { GRAPH, IR_VERSION, MODEL, OPSET_ID, TENSOR } from '../../../../src/models/graph/onnx.js';
import { MessageWriter } from '../../../../src/models/graph/protobuf.js';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { bool, f32, i64 } from '../../../../src/models/graph/tensor.js';
import { type FileModel, type FileNode, onnxFile } from '../../../support/onnx-file.js';

const model = (node: FileNode, more: Partial<FileModel> = {}): FileModel => ({
  opset: 18,
  inputs: { x: { shape: [2, 3] }, n: { dtype: 'int64', shape: [2] } },
  nodes: [node],
  outputs: ['y'],
  ...more,
});
const read = (node: FileNode, more?: Partial<FileModel>) => () => readOnnx(onnxFile(model(node, more)));
const neg: FileNode = { op: 'Neg', inputs: ['x'], outputs: ['y'] };

describe('a file that ends or lies', () => {
  const bytes = onnxFile(model(neg, { constants: { w: f32([1, 2, 3], [3]) } }));

  it('is refused with the part, the place and what was expected there', () => {
    expect(() => readOnnx(bytes.subarray(0, bytes.length - 20))).toThrow(
      /^Not a readable ONNX file: in the model, expected \d+ bytes of field \d+ at byte \d+ but \d+ are left$/,
    );
    // Also where it stands within a larger buffer, as Node's own do.
    const pooled = new Uint8Array(bytes.length + 100);
    pooled.set(bytes, 100);
    expect(() => readOnnx(pooled.subarray(100, 103))).toThrow(
      'expected a number at byte 3 but the data end there',
    );
  });

  it('is refused without a graph or an opset', () => {
    expect(() => readOnnx(new Uint8Array())).toThrow('Not a readable ONNX file: the model has no graph');
    const noOpset = new MessageWriter()
      .int(MODEL.irVersion, IR_VERSION)
      .message(MODEL.graph, new MessageWriter());
    expect(() => readOnnx(noOpset.finish())).toThrow('the model names no opset of ONNX');
  });

  it('names a constant whose data do not fit its shape', () => {
    const tensor = new MessageWriter()
      .int(TENSOR.dims, 3)
      .int(TENSOR.dataType, 1)
      .string(TENSOR.name, 'w')
      .bytes(TENSOR.rawData, new Uint8Array(8));
    expect(() => readOnnx(withConstant(tensor))).toThrow(
      "Not a readable ONNX file: expected 12 bytes for the tensor 'w', float32 [3], but found 8",
    );
  });

  it('names the field that is not what it should be', () => {
    const tensor = new MessageWriter().int(TENSOR.name, 7);
    expect(() => readOnnx(withConstant(tensor))).toThrow(
      'Not a readable ONNX file: expected text in field 8 of constant 0',
    );
    const garbled = new MessageWriter().bytes(TENSOR.name, Uint8Array.of(0xff, 0xfe));
    expect(() => readOnnx(withConstant(garbled))).toThrow('expected text in UTF-8 in field 8 of constant 0');
  });
});

function withConstant(tensor: MessageWriter): Uint8Array {
  return new MessageWriter()
    .int(MODEL.irVersion, IR_VERSION)
    .message(MODEL.graph, new MessageWriter().message(GRAPH.initializer, tensor))
    .message(MODEL.opsetImport, new MessageWriter().string(OPSET_ID.domain, '').int(OPSET_ID.version, 18))
    .finish();
}

describe('a model that is not for this reader', () => {
  it('names data outside the file and how to bring them in', () => {
    const entry = (key: string, value: string) => new MessageWriter().string(1, key).string(2, value);
    const tensor = new MessageWriter()
      .int(TENSOR.dims, 3)
      .int(TENSOR.dataType, 1)
      .string(TENSOR.name, 'w')
      .message(TENSOR.externalData, entry('location', 'model.onnx.data'))
      .int(TENSOR.dataLocation, 1);
    expect(() => readOnnx(withConstant(tensor))).toThrow(
      /The tensor 'w' is stored outside the model, in the file 'model.onnx.data': save it as one file, by .*external_data=False/,
    );
  });

  it('names element types and sparse constants that it cannot hold', () => {
    const complex = new MessageWriter().int(TENSOR.dataType, 14).string(TENSOR.name, 'w');
    expect(() => readOnnx(withConstant(complex))).toThrow("The tensor 'w' has element type 14 of ONNX");
    const graph = new MessageWriter().message(GRAPH.sparseInitializer, new MessageWriter());
    const file = new MessageWriter()
      .message(MODEL.graph, graph)
      .message(MODEL.opsetImport, new MessageWriter().int(OPSET_ID.version, 18));
    expect(() => readOnnx(file.finish())).toThrow('has sparse constants');
  });

  it.each([
    ['an opset out of range', read(neg, { opset: 13 }), 'Expected an opset from 17 to 21 but received 13'],
    [
      'an unknown op',
      read({ ...neg, op: 'NonMaxSuppression' }),
      "NonMaxSuppression 'y' ([2,3]): There is no rule for the op 'NonMaxSuppression'",
    ],
    [
      'an op of another domain',
      read({ ...neg, op: 'FusedConv', domain: 'com.microsoft' }),
      "FusedConv 'y' ([2,3]): there is no rule for ops of the domain 'com.microsoft', and the model holds no function of that name",
    ],
    [
      'a node that reads what is not there',
      read({ ...neg, inputs: ['z'] }),
      "Neg 'y' reads 'z', which is not defined before it",
    ],
    ['an output that no node gives', read(neg, { outputs: ['z'] }), "Output 'z' is not defined by any node"],
    [
      'an open axis',
      read(neg, { inputs: { x: { shape: ['N', 3] } } }),
      "Axis 0 of input 'x' is open ('N'): give its size",
    ],
    [
      'shapes that do not fit',
      read({ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }, { constants: { w: f32([1, 2], [2]) } }),
      "Add 'y' ([2,3], [2]): shapes [2,3] and [2] do not broadcast",
    ],
    [
      'a sub-graph',
      read({ op: 'Loop', inputs: ['', ''], outputs: ['y'], attrs: { body: { nodes: [], outputs: [] } } }),
      "Loop 'y' (-, -): sub-graphs are not supported (attribute 'body')",
    ],
    [
      'a dropout that drops',
      read({ op: 'Dropout', inputs: ['x', '', 'on'], outputs: ['y'] }, { constants: { on: bool([true]) } }),
      "Dropout 'y' ([2,3], -, []): drops at random as in training",
    ],
    [
      'an index beyond its axis',
      read({ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }, { constants: { i: i64([2]) } }),
      "Gather 'y' ([2,3], [1]): index 2 is outside axis 0 of size 2",
    ],
    [
      'an average of a batch in training',
      read(
        {
          op: 'BatchNormalization',
          inputs: ['x', 'w', 'w', 'w', 'w'],
          outputs: ['y'],
          attrs: { training_mode: 1 },
        },
        { constants: { w: f32([1, 1, 1], [3]) } },
      ),
      'export the model in evaluation mode',
    ],
    [
      'a resampling of unknown kind',
      read(
        {
          op: 'Resize',
          inputs: ['x', '', 's'],
          outputs: ['y'],
          attrs: { coordinate_transformation_mode: 'tf_crop_and_resize' },
        },
        { constants: { s: f32([1, 2], [2]) } },
      ),
      "Resize 'y' ([2,3], -, [2]): takes coordinates by 'tf_crop_and_resize', expected half_pixel",
    ],
  ])('names %s', (_what, call, message) => {
    expect(call).toThrow(message);
  });

  it('names a part of a composite by the node of the file', () => {
    const node = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
    expect(read(node, { constants: { w: f32([1, 2], [2]) } })).toThrow(
      /^MatMul 'y' \(\[2,3\], \[2\]\): MatMul '.*inner sizes 3 and 2 differ/,
    );
  });
});

describe('a shape that depends on data', () => {
  it('names the node, the value, the node that makes it and the input', () => {
    const nodes: FileNode[] = [
      { op: 'Mul', inputs: ['n', 'n'], outputs: ['squares'] },
      { op: 'Reshape', inputs: ['x', 'squares'], outputs: ['y'] },
    ];
    expect(read(neg, { nodes })).toThrow(
      "Reshape 'y' ([2,3], [2]): expected the new shape (input 1) to be a constant; 'squares' is computed by Mul 'squares' ([2], [2]) from the input 'n', whose values are known only at run time. Export the model with these numbers fixed",
    );
  });

  it.each([
    ['an input itself', { op: 'Expand', inputs: ['x', 'n'], outputs: ['y'] }, "'n' is the input 'n'"],
    [
      'how many numbers are not zero',
      { op: 'NonZero', inputs: ['x'], outputs: ['y'] },
      "NonZero 'y' ([2,3]): expected what decides the number of results (input 0) to be a constant",
    ],
    ['a condition', { op: 'If', inputs: ['n'], outputs: ['y'] }, 'the condition is known only at run time'],
  ])('is %s', (_what, node, message) => {
    expect(read(node)).toThrow(message);
  });
});
