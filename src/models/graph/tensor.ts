/** Constant tensors of a graph: row-major data with its element type and shape. */

export type DType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool' | 'float64';
export type Shape = readonly number[];
export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array;

/** `data.length` equals the product of `shape`; bool is a Uint8Array of 0 and 1, float16 a Uint16Array of bit patterns. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((n, d) => n * d, 1);

/** Float32 constant; a plain list is converted. Throws when data and shape disagree. */
export function f32(data: ArrayLike<number>, shape: Shape = []): Tensor {
  return checked({
    dtype: 'float32',
    shape,
    data: data instanceof Float32Array ? data : new Float32Array(data),
  });
}

/** Int64 constant, by default a vector: the form in which ONNX takes shapes and axes. */
export function i64(data: readonly number[], shape: Shape = [data.length]): Tensor {
  const broken = data.find((x) => !Number.isInteger(x));
  if (broken !== undefined) throw new Error(`Expected whole numbers but received ${broken}`);
  return checked({ dtype: 'int64', shape, data: BigInt64Array.from(data, BigInt) });
}

/** Boolean constant. */
export function bool(data: readonly boolean[], shape: Shape = []): Tensor {
  return checked({ dtype: 'bool', shape, data: Uint8Array.from(data, Number) });
}

/** The elements as plain numbers, for shape arithmetic and small constants. */
export const numbersOf = (tensor: Tensor): number[] =>
  Array.from(tensor.data as ArrayLike<number | bigint>, Number);

/** A tensor of any element type but float16 from plain numbers: whole ones are cut to whole, truth is not 0. */
export function tensorOf(dtype: DType, shape: Shape, data: ArrayLike<number>): Tensor {
  switch (dtype) {
    case 'float32':
      return f32(data, shape);
    case 'float64':
      return checked({ dtype, shape, data: Float64Array.from(data) });
    case 'int64':
      return checked({ dtype, shape, data: BigInt64Array.from(data, int64Of) });
    case 'int32':
      return checked({ dtype, shape, data: Int32Array.from(data) });
    case 'uint8':
      return checked({ dtype, shape, data: Uint8Array.from(data) });
    case 'bool':
      return checked({ dtype, shape, data: Uint8Array.from(data, (x) => (x === 0 ? 0 : 1)) });
    case 'float16':
      throw new Error('float16 numbers cannot be computed here');
  }
}

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** Numbers beyond the type, such as the "to the end" of a slice, become its bounds. */
function int64Of(x: number): bigint {
  if (!Number.isFinite(x)) return x > 0 ? INT64.max : INT64.min;
  const whole = BigInt(Math.trunc(x));
  return whole > INT64.max ? INT64.max : whole < INT64.min ? INT64.min : whole;
}

function checked(tensor: Tensor): Tensor {
  if (tensor.data.length !== sizeOf(tensor.shape)) {
    throw new Error(
      `Expected ${sizeOf(tensor.shape)} elements for shape [${tensor.shape}] but received ${tensor.data.length}`,
    );
  }
  return tensor;
}
