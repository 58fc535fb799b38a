import { describe, expect, test } from 'vitest';
import { delaysOf, lambdasOf, type Timeline } from '../../../src/animation/timeline.js';

const timeline = (patch: Partial<Timeline> = {}): Timeline => ({
  from: 1,
  to: 0,
  frames: 5,
  easing: 'linear',
  pingpong: false,
  ...patch,
});

describe('lambdas', () => {
  test('go evenly from one end to the other', () => {
    expect(lambdasOf(timeline())).toEqual([1, 0.75, 0.5, 0.25, 0]);
    expect(lambdasOf(timeline({ from: 0.2, to: 0.8, frames: 4 }))).toEqual([0.2, 0.4, 0.6, 0.8]);
    expect(lambdasOf(timeline({ frames: 2 }))).toEqual([1, 0]);
  });

  test('come back without showing the ends twice', () => {
    expect(lambdasOf(timeline({ pingpong: true }))).toEqual([1, 0.75, 0.5, 0.25, 0, 0.25, 0.5, 0.75]);
    expect(lambdasOf(timeline({ frames: 2, pingpong: true }))).toEqual([1, 0]);
  });

  test('begin and end at rest where asked to', () => {
    expect(lambdasOf(timeline({ from: 0, to: 1, easing: 'ease-in-out' }))).toEqual([
      0, 0.1563, 0.5, 0.8438, 1,
    ]);
  });

  test('follow a pace: where the eye sees more change, lambda goes slower', () => {
    const pace = { lambdas: [0, 0.5, 1], shares: [0, 0.8, 1] };
    expect(lambdasOf(timeline({ from: 0, to: 1, pace }))).toEqual([0, 0.1563, 0.3125, 0.4688, 1]);
    expect(lambdasOf(timeline({ pace }))).toEqual([1, 0.4688, 0.3125, 0.1563, 0]);
    // From 0.25 to 0.5 lie 40 % of the way.
    expect(lambdasOf(timeline({ from: 0.25, to: 0.5, frames: 3, pace }))).toEqual([0.25, 0.375, 0.5]);
  });

  test('survive a way of no length in one of its parts', () => {
    const pace = { lambdas: [0, 0.5, 1], shares: [0, 0, 1] };
    expect(lambdasOf(timeline({ from: 0, to: 1, frames: 3, pace }))).toEqual([0, 0.75, 1]);
  });
});

test('delays are whole, and their sum is the duration', () => {
  expect(delaysOf(3, 1, 100)).toEqual([33, 34, 33]);
  const delays = delaysOf(7, 2, 1000);
  expect(delays.reduce((sum, delay) => sum + delay)).toBe(2000);
  expect(new Set(delays)).toEqual(new Set([285, 286]));
});
