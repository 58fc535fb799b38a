/** Linear maps along one axis, given as constant matrices: their transposes carry gradients of resampling back. */
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import { f32, type Shape, sizeOf } from '../tensor.js';

/** y[.., i, ..] = sum_j M[i,j] x[.., j, ..] along `axis`, the matrix [rows, x.shape[axis]] in row-major order. */
export function mapAxis(b: GraphBuilder, x: Value, axis: number, rows: number, matrix: Float32Array): Value {
  const columns = x.shape[axis]!;
  const leading = x.shape.slice(0, axis);
  const trailing = x.shape.slice(axis + 1);
  const shape = [...leading, rows, ...trailing];
  if (sizeOf(trailing) === 1) {
    // The last axis that holds anything: a product from the right needs no batches.
    const turned = new Float32Array(matrix.length);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) turned[j * rows + i] = matrix[i * columns + j]!;
    const flat = reshape(b, x, [sizeOf(leading), columns]);
    return reshape(b, b.op('MatMul', [flat, b.constant(f32(turned, [columns, rows]))]), shape);
  }
  const flat = reshape(b, x, [sizeOf(leading), columns, sizeOf(trailing)]);
  return reshape(b, b.op('MatMul', [b.constant(f32(matrix, [rows, columns])), flat]), shape);
}

/** Adds slice i of `g` along `axis` into slice `indices[i]` of zeros of `size`. */
export function scatterAxis(
  b: GraphBuilder,
  g: Value,
  axis: number,
  size: number,
  indices: readonly number[],
): Value {
  const matrix = new Float32Array(size * indices.length);
  indices.forEach((to, i) => {
    matrix[to * indices.length + i] = 1;
  });
  return mapAxis(b, g, axis, size, matrix);
}

/** The same elements under another shape; no node where it is the same. */
export function reshape(b: GraphBuilder, x: Value, shape: readonly number[]): Value {
  return `${x.shape}` === `${shape}` ? x : b.op('Reshape', [x, b.ints(shape)]);
}

/** Zeros that take no room in a file. */
export const zeros = (b: GraphBuilder, shape: Shape): Value => b.op('Expand', [b.scalar(0), b.ints(shape)]);
