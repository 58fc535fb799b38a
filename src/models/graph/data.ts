/** Rearrangements of constant data: what gradient rules do to frozen weights at emission time. */
import { type Shape, sizeOf, type Tensor } from './tensor.js';

/** Transposes: axis i of the result is axis `perm[i]` of the tensor. */
export function permute(tensor: Tensor, perm: readonly number[]): Tensor {
  const strides = stridesOf(tensor.shape);
  return gather(
    tensor,
    perm.map((p) => tensor.shape[p]!),
    (at) => perm.reduce((n, p, i) => n + at[i]! * strides[p]!, 0),
  );
}

/** Reverses the order along the given axes. */
export function flip(tensor: Tensor, axes: readonly number[]): Tensor {
  const strides = stridesOf(tensor.shape);
  return gather(tensor, tensor.shape, (at) =>
    at.reduce((n, x, i) => n + (axes.includes(i) ? tensor.shape[i]! - 1 - x : x) * strides[i]!, 0),
  );
}

/** The same data under another shape of equal size. */
export function reshape(tensor: Tensor, shape: Shape): Tensor {
  if (sizeOf(shape) !== sizeOf(tensor.shape))
    throw new Error(`Cannot reshape [${tensor.shape}] to [${shape}]`);
  return { ...tensor, shape };
}

function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** New tensor of `shape` whose element at an index is the source's element at `offset(index)`. */
function gather(tensor: Tensor, shape: Shape, offset: (at: readonly number[]) => number): Tensor {
  const data = tensor.data.slice();
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = tensor.data[offset(at)]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
  return { ...tensor, shape, data };
}
