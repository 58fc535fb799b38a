/** TensorProto -> Tensor: constants of a model file, which must hold their data themselves. */

import { dtypeOfCode, STRING_ENTRY, TENSOR } from '../onnx.js';
import { type DType, sizeOf, type Tensor, type TensorData } from '../tensor.js';
import type { Message } from './message.js';

const ELEMENT_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
};

/** Throws on element types that graphs cannot hold, on data outside the file and on too few or too many of them. */
export function readTensor(message: Message): Tensor {
  const named = message.text(TENSOR.name);
  const what = named ? `tensor '${named}'` : message.what;
  const code = message.int(TENSOR.dataType);
  const dtype = dtypeOfCode(code);
  if (!dtype) throw new Error(`The ${what} has element type ${code} of ONNX, which is not supported`);
  refuseExternal(message, what);
  const shape = message.ints(TENSOR.dims);
  const raw = message.bytes(TENSOR.rawData);
  const bytes = sizeOf(shape) * ELEMENT_BYTES[dtype];
  if (shape.some((d) => d < 0) || (raw && raw.length !== bytes)) {
    throw new Error(
      `Not a readable ONNX file: expected ${bytes} bytes for the ${what}, ${dtype} [${shape}], but found ${raw?.length ?? 0}`,
    );
  }
  const data = raw ? fromRaw(raw, dtype) : fromLists(message, dtype);
  if (data.length !== sizeOf(shape)) {
    throw new Error(
      `Not a readable ONNX file: expected ${sizeOf(shape)} elements for the ${what}, ${dtype} [${shape}], but found ${data.length}`,
    );
  }
  return { dtype, shape, data };
}

function refuseExternal(message: Message, what: string): void {
  const EXTERNAL = 1;
  if (!message.has(TENSOR.externalData) && message.int(TENSOR.dataLocation) !== EXTERNAL) return;
  const entries = message.messages(TENSOR.externalData, () => `external data of the ${what}`);
  const location = entries.find((entry) => entry.text(STRING_ENTRY.key) === 'location');
  throw new Error(
    `The ${what} is stored outside the model, in the file '${location?.text(STRING_ENTRY.value) ?? '?'}': ` +
      'save it as one file, by torch.onnx.export(..., external_data=False) or in Python ' +
      "onnx.save(onnx.load('model.onnx'), 'one-file.onnx')",
  );
}

function fromRaw(raw: Uint8Array, dtype: DType): TensorData {
  // A copy, for typed arrays must start at a multiple of their element size.
  const buffer = raw.slice().buffer;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'float16':
      return new Uint16Array(buffer);
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer);
  }
}

function fromLists(message: Message, dtype: DType): TensorData {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(message.floats(TENSOR.floatData));
    case 'float64':
      return Float64Array.from(message.doubles(TENSOR.doubleData));
    case 'int64':
      return BigInt64Array.from(message.bigints(TENSOR.int64Data));
    case 'int32':
      return Int32Array.from(message.ints(TENSOR.int32Data));
    case 'float16':
      return Uint16Array.from(message.ints(TENSOR.int32Data));
    case 'bool':
    case 'uint8':
      return Uint8Array.from(message.ints(TENSOR.int32Data));
  }
}
