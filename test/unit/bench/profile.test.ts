import { expect, test } from 'vitest';
import { sharesOf } from '../../../bench/step/profile.js';

const run = (ts: number, dur: number) => ({ cat: 'Session', name: 'model_run', ts, dur, args: {} });
const kernel = (op_name: string, ts: number, dur: number, name = 'node_kernel_time') => ({
  cat: 'Node',
  name,
  ts,
  dur,
  args: { op_name },
});

test('shares are those of kernels after the first run, parts of Winograd convolutions within, layout reorders without', () => {
  const { convolutions, byOp } = sharesOf(
    JSON.stringify([
      run(0, 100),
      kernel('Mul', 10, 80),
      run(200, 100),
      kernel('Conv', 210, 30),
      kernel('FusedConv', 240, 10),
      kernel('ConvTranspose', 250, 10, 'winograd.ConvTranspose_1_kernel_time'),
      kernel('FusedMatMul', 260, 20, 'winograd.MatMul_1/fused_kernel_time'),
      kernel('Mul', 280, 10),
      kernel('Mul', 280, 99, 'node_fence_before'),
      kernel('ReorderInput', 290, 20),
      kernel('Loop', 205, 500),
    ]),
  );
  expect(convolutions).toBeCloseTo(0.7, 12);
  expect(byOp.map(([op]) => op)).toEqual([
    'Conv',
    'FusedMatMul',
    'ReorderInput',
    'FusedConv',
    'ConvTranspose',
    'Mul',
  ]);
  expect(byOp.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(1, 12);
});

test('a single run, which also allocates, tells nothing', () => {
  expect(() => sharesOf(JSON.stringify([run(0, 100), kernel('Conv', 10, 80)]))).toThrow(
    'two runs but received 1',
  );
  expect(() => sharesOf('{}')).toThrow('Not a profile');
});
