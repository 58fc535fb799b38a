import { beforeEach, expect, it } from 'vitest';
import type { StepVariant } from '../../../src/engine/step-model.js';
import { Steppers } from '../../../src/engine/steppers.js';

let log: string[];
let steppers: Steppers;

const variant = (judgedAt: number, batch: number, styles = 16): StepVariant => ({
  space: 'pn',
  styles,
  judgedAt,
  batch,
});

beforeEach(() => {
  log = [];
  steppers = new Steppers(async ({ styles, judgedAt, batch }) => {
    const name = `${styles}@${judgedAt}x${batch}`;
    log.push(`open ${name}`);
    return {
      device: 'cpu',
      run: () => Promise.reject(new Error('not run here')),
      release: async () => void log.push(`release ${name}`),
    };
  });
});

it('opens each variant once, and knows its device', async () => {
  expect(steppers.device).toBeUndefined();
  const first = await steppers.get(variant(128, 1));
  expect(await steppers.get(variant(256, 1))).not.toBe(first);
  expect(await steppers.get(variant(128, 1))).toBe(first);
  expect(steppers.device).toBe('cpu');
  expect(log).toEqual(['open 16@128x1', 'open 16@256x1']);
});

it('keeps both sides for one photo at a time, and gives up the one used longest ago before it opens a third', async () => {
  for (const one of [variant(128, 1), variant(256, 1), variant(128, 1), variant(128, 1, 8)])
    await steppers.get(one);
  expect(log.slice(2)).toEqual(['release 16@256x1', 'open 8@128x1']);
});

it('keeps both sides of a batch, and single steps at one side, while photos come and go', async () => {
  const turns = [variant(128, 2), variant(256, 1), variant(256, 2)];
  for (const one of [...turns, ...turns, ...turns]) await steppers.get(one);
  expect(log).toEqual(['open 16@128x2', 'open 16@256x1', 'open 16@256x2']);
});
