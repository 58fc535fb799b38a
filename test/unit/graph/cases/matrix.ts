import type { OpCase } from './op-case.js';

export const matrix: readonly OpCase[] = [
  {
    op: 'MatMul',
    inputs: [
      [2, 3, 4],
      [4, 5],
    ],
  },
  {
    op: 'MatMul',
    title: 'batched',
    inputs: [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
  },
  { op: 'Gemm', inputs: [[3, 4], [4, 5], [5]], attrs: { alpha: 0.5, beta: 2 } },
  {
    op: 'Gemm',
    title: 'both transposed',
    inputs: [
      [4, 3],
      [5, 4],
      [3, 1],
    ],
    attrs: { transA: 1, transB: 1 },
  },
  {
    op: 'Gemm',
    title: 'right transposed',
    inputs: [
      [3, 4],
      [5, 4],
    ],
    attrs: { transB: 1 },
  },
  {
    op: 'Einsum',
    title: 'product',
    inputs: [
      [2, 3],
      [3, 4],
    ],
    attrs: { equation: 'ij,jk->ik' },
  },
  {
    op: 'Einsum',
    title: 'attention',
    inputs: [
      [2, 3, 2, 4],
      [2, 5, 2, 4],
    ],
    attrs: { equation: 'bqhd,bkhd->bhqk' },
  },
  {
    op: 'Einsum',
    title: 'implicit output, summed label',
    inputs: [[2, 3], [3]],
    attrs: { equation: 'zj, j' },
  },
  {
    op: 'Einsum',
    title: 'labels of one operand',
    inputs: [[2, 3, 2], [4]],
    attrs: { equation: 'abc,d->da' },
  },
  {
    op: 'Einsum',
    title: 'ellipses that broadcast',
    inputs: [
      [2, 1, 3, 4],
      [1, 5, 4, 2],
    ],
    attrs: { equation: '...ij,...jk->...ik' },
  },
  { op: 'Einsum', title: 'three operands', inputs: [[2, 3], [3], [2]], attrs: { equation: 'ij,j,i->ij' } },
];
