import { expect, it } from 'vitest';
import { costs } from '../../../../bench/gpu/profile.js';
import { type Measured, report } from '../../../../bench/gpu/report.js';

const reached = {
  batch: 1,
  precision: 'single' as const,
  steps: 80,
  reached: true,
  seconds: 1.5,
  facesPerSecond: 1 / 1.5,
  losses: [6900],
  levels: [7000],
};
const measured: Measured = {
  device: 'cuda',
  machine: { name: 'NVIDIA Something', driver: '580.1', memory: '80000 MiB' },
  times: [
    { batch: 1, side: 256, precision: 'single', ms: 12 },
    { batch: 1, side: 128, precision: 'single', ms: 7 },
    { batch: 8, side: 256, precision: 'half', ms: 40 },
  ],
  reached: [reached, { ...reached, batch: 8, reached: false, seconds: 6, facesPerSecond: 8 / 6 }],
  paperSeconds: { 1: 13 },
  morph: { renderMs: 9.5, jpegMs: 30 },
  withoutTf32: { 1: 25 },
  halfLossDifference: -0.004,
};

it('gives the figures asked for as flat keys, and none for a loss that was not reached', () => {
  const { json, text } = report(measured);
  expect(json).toMatchObject({
    available: true,
    name: 'NVIDIA Something',
    driver: '580.1',
    stepMs1: 12,
    stepMs8: undefined,
    halfStepMs8: 40,
    embedSeconds: 1.5,
    facesPerSecond1: 1 / 1.5,
    facesPerSecond8: undefined,
    morphMs: 9.5,
    halfLossDifference: -0.004,
  });
  expect(text).toContain('1, without TF32');
  expect(text).toContain('(not reached)');
  expect(text).toContain('-0.40 %');
});

it('sums up what the profile says of each operator and where it ran', () => {
  const kernel = (op_name: string, dur: number, provider: string) => ({
    cat: 'Node',
    name: `${op_name}_1_kernel_time`,
    dur,
    args: { op_name, provider },
  });
  const events = [
    ...new Array(40).fill(kernel('Conv', 500, 'CUDAExecutionProvider')),
    kernel('Shape', 2000, 'CPUExecutionProvider'),
    kernel('Loop', 1e6, 'CUDAExecutionProvider'),
    { cat: 'Session', name: 'model_run', dur: 5 },
  ];
  expect(costs(events)).toEqual([
    { op: 'Conv', runs: 2, ms: 1, provider: 'CUDAExecutionProvider' },
    { op: 'Shape', runs: 0.05, ms: 0.1, provider: 'CPUExecutionProvider' },
  ]);
  expect(() => costs({})).toThrow('Not a profile');
});
