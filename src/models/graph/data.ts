/** Rearrangements of constant data: what gradient rules do to frozen weights and folding to constants. */
import { type Shape, sizeOf, type Tensor, type TensorData } from './tensor.js';

/** Transposes: axis i of the result is axis `perm[i]` of the tensor. */
export function permute(tensor: Tensor, perm: readonly number[]): Tensor {
  const strides = stridesOf(tensor.shape);
  return gather(
    tensor,
    perm.map((p) => upTo(tensor.shape[p]!).map((x) => x * strides[p]!)),
  );
}

/** Reverses the order along the given axes. */
export function flip(tensor: Tensor, axes: readonly number[]): Tensor {
  const strides = stridesOf(tensor.shape);
  const tables = tensor.shape.map((size, i) => {
    const offsets = upTo(size).map((x) => x * strides[i]!);
    return axes.includes(i) ? offsets.reverse() : offsets;
  });
  return gather(tensor, tables);
}

/** The sub-grid whose axis i holds the elements `lists[i]` of that axis, in that order and as often as named. */
export function subgrid(tensor: Tensor, lists: readonly (readonly number[])[]): Tensor {
  const strides = stridesOf(tensor.shape);
  return gather(
    tensor,
    lists.map((list, i) => list.map((x) => x * strides[i]!)),
  );
}

/** Repeats along axes of size 1 and new leading axes, as NumPy broadcasts. */
export function broadcastTo(tensor: Tensor, shape: Shape): Tensor {
  if (tensor.shape.length === shape.length && tensor.shape.every((d, i) => d === shape[i])) return tensor;
  const lead = shape.length - tensor.shape.length;
  const full = reshape(tensor, [...new Array<number>(lead).fill(1), ...tensor.shape]);
  return subgrid(
    full,
    shape.map((d, i) => (full.shape[i] === d ? upTo(d) : new Array<number>(d).fill(0))),
  );
}

/** Joins tensors that differ along one axis only. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0]!;
  const rows = sizeOf(first.shape.slice(0, axis));
  const size = tensors.reduce((n, t) => n + t.shape[axis]!, 0);
  const shape = first.shape.map((d, i) => (i === axis ? size : d));
  const out = emptyLike(first.data, sizeOf(shape));
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (const { data, shape: part } of tensors) {
      const length = sizeOf(part.slice(axis));
      for (let i = 0; i < length; i++) out[to++] = data[row * length + i]!;
    }
  }
  return { ...first, shape, data: out };
}

/** 0, 1, .. n - 1. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The same data under another shape of equal size. */
export function reshape(tensor: Tensor, shape: Shape): Tensor {
  if (sizeOf(shape) !== sizeOf(tensor.shape))
    throw new Error(`Cannot reshape [${tensor.shape}] to [${shape}]`);
  return { ...tensor, shape };
}

export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

function emptyLike(data: TensorData, length: number): TensorData {
  return new (data.constructor as new (length: number) => TensorData)(length);
}

/** New tensor whose element at an index (i, j, ..) is the source's at the offset `tables[0][i] + tables[1][j] + ..`. */
function gather(tensor: Tensor, tables: readonly (readonly number[])[]): Tensor {
  const shape = tables.map((table) => table.length);
  const data = emptyLike(tensor.data, sizeOf(shape));
  const outer = tables.slice(0, -1);
  const inner = Float64Array.from(tables.at(-1) ?? [0]);
  const at = outer.map(() => 0);
  for (let to = 0; to < data.length; ) {
    let base = 0;
    for (let axis = 0; axis < outer.length; axis++) base += outer[axis]![at[axis]!]!;
    for (let i = 0; i < inner.length; i++) data[to++] = tensor.data[base + inner[i]!]!;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      if (++at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
  return { ...tensor, shape, data };
}
