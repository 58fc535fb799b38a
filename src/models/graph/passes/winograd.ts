/**
 * Conv_3x3(x, W) -> A^T [ (G W G^T) (B^T x B) ] A   over tiles of 6 x 6 that give 4 x 4 pixels: F(4x4, 3x3)
 *
 * Winograd's minimal filtering takes 36 products for 16 pixels where the plain sum takes 144 (Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", 2015, section 4.3). In standard operators: B is a strided
 * convolution of each channel, the products are 36 matrix products, A is a transposed convolution of each channel.
 * G W G^T is written as a product of constants, which the runtime folds when it opens the session.
 * Rounding grows to about 1e-5 of the largest value. For the CPU: cuDNN chooses such kernels by itself.
 */
import { permute, reshape } from '../data.js';
import type { Attributes, Value } from '../ir.js';
import { groupOf, windowAttrs, windowOf } from '../ops/window.js';
import { f32, type Tensor } from '../tensor.js';
import type { Rule } from './rewrite.js';

const B = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const A = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];
/** First part of the names of its nodes. */
export const WINOGRAD = 'winograd';
const TILE = 4;
const POINTS = 36;

/** The two-dimensional transform M x M^T as one matrix: row (i, j), column (r, c). */
const kronecker = (m: readonly (readonly number[])[]): number[] =>
  m.flatMap((p) => m.flatMap((q) => p.flatMap((x) => q.map((y) => x * y))));

const ANALYSIS: Tensor = f32(kronecker(B), [POINTS, 1, 6, 6]);
const KERNEL: Tensor = f32(kronecker(G), [POINTS, 9]);
const SYNTHESIS: Tensor = permute(f32(kronecker(A), [TILE, TILE, POINTS, 1]), [2, 3, 0, 1]);

/**
 * Products saved for each value moved by the transforms, up to a factor: C M / (C + M) for C input and M output
 * channels. Below it the memory traffic of the transforms costs more than the products saved.
 */
const LEAST_GAIN = 64;
/** Fewer tiles do not pay for reading 36 matrices. */
const LEAST_TILES = 16;

export const winograd: Rule = ({ b, node, inputs, constant }) => {
  if (node.op !== 'Conv') return undefined;
  const [x, , bias] = inputs;
  const weight = constant(inputs[1]);
  if (!x || !weight || x.shape.length !== 4 || groupOf(node.attrs) !== 1) return undefined;
  const window = windowOf(node.attrs, weight.shape.slice(2));
  const plain =
    window.kernel.every((k) => k === 3) &&
    [...window.strides, ...window.dilations, ...window.pads].every((s) => s === 1);
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const out = weight.shape[0]!;
  const [rows, columns] = [height / TILE, width / TILE];
  const tiles = rows * columns;
  const tiled = Number.isInteger(rows) && Number.isInteger(columns) && n * tiles >= LEAST_TILES;
  if (!plain || !tiled || (channels * out) / (channels + out) < LEAST_GAIN) return undefined;

  // Named alike, so that a profile tells what belongs to a convolution.
  const part = (op: string, operands: readonly Value[], attrs: Attributes = {}): Value =>
    b.op(op, operands, attrs, b.fresh(`${WINOGRAD}.${op}`));
  const planes = part('Reshape', [x, b.ints([n * channels, 1, height, width])]);
  const analysed = part('Conv', [planes, b.constant(ANALYSIS)], {
    ...windowAttrs({ kernel: [6, 6], strides: [TILE, TILE], dilations: [1, 1], pads: [1, 1, 1, 1] }),
  });
  // One image needs no batch axis, and the runtime then reads the product's operand without moving it.
  const [lead, perm] = n === 1 ? [[], [1, 0, 2]] : [[n], [0, 2, 1, 3]];
  const byPoint = part(
    'Transpose',
    [part('Reshape', [analysed, b.ints([...lead, channels, POINTS, tiles])])],
    { perm },
  );
  const taps = b.constant(reshape(permute(weight, [2, 3, 0, 1]), [9, out * channels]));
  const kernels = part('Reshape', [
    part('MatMul', [b.constant(KERNEL), taps]),
    b.ints([POINTS, out, channels]),
  ]);
  const products = part('MatMul', [kernels, byPoint]);
  const byChannel = part('Reshape', [
    part('Transpose', [products], { perm }),
    b.ints([n * out, POINTS, rows, columns]),
  ]);
  const image = part('ConvTranspose', [byChannel, b.constant(SYNTHESIS)], { strides: [TILE, TILE] });
  const y = part('Reshape', [image, b.ints([n, out, height, width])]);
  if (!bias) return [y];
  return [part('Add', [y, part('Reshape', [bias, b.ints([out, 1, 1])])])];
};
