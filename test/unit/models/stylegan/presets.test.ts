import { describe, expect, it } from 'vitest';
import { PRESET_NAMES, PRESETS, withPreset } from '../../../../src/models/stylegan/presets.js';
import { priorWeight } from '../../../../src/models/stylegan/prior.js';
import { judgedSide, learningRate } from '../../../../src/models/stylegan/schedule.js';

describe('withPreset', () => {
  it('is the standard preset when nothing is given', () => {
    expect(withPreset({})).toEqual({ preset: 'standard', ...PRESETS.standard });
  });

  it.each(PRESET_NAMES)('gives every option of %s, and what is given overrides it', (preset) => {
    expect(withPreset({ preset })).toEqual({ preset, ...PRESETS[preset] });
    const given = { preset, steps: 3, learningRate: 0.5, styles: 1, earlyStop: true, coarse: 0.25 };
    expect(withPreset(given)).toEqual({ ...PRESETS[preset], ...given });
  });

  it('takes no notice of options that are undefined', () => {
    const given: { preset: 'draft'; steps?: number | undefined } = { preset: 'draft', steps: undefined };
    expect(withPreset(given)).toEqual({ preset: 'draft', ...PRESETS.draft });
  });

  it('assumes no prior in W', () => {
    expect(withPreset({ space: 'w' }).editability).toBe(0);
    expect(withPreset({ space: 'w', editability: 0.3 }).editability).toBe(0.3);
  });
});

describe('the presets', () => {
  it('take more steps from draft to best, with a prior', () => {
    const { draft, standard, best } = PRESETS;
    expect(draft.steps).toBeLessThan(standard.steps);
    expect(standard.steps).toBeLessThan(best.steps);
    for (const { editability, space } of [draft, standard, best]) {
      expect(priorWeight(editability)).toBeGreaterThan(0);
      expect(space).toBe('pn');
    }
  });

  it('draft is judged at 128 px first, and ends at 256 px', () => {
    const { draft } = PRESETS;
    expect(judgedSide(0, draft)).toBe(128);
    expect(judgedSide(draft.steps - 1, draft)).toBe(256);
  });

  it('paper is its protocol: 2,000 steps in W at 0.01 from the average latent, at 224 px, without a prior', () => {
    const { paper } = PRESETS;
    const { steps, space, start, styles, earlyStop, pixelWeight, lpipsWeight } = paper;
    expect({ steps, space, start, styles, earlyStop, pixelWeight, lpipsWeight }).toEqual({
      steps: 2000,
      space: 'w',
      start: 'average',
      styles: 16,
      earlyStop: false,
      pixelWeight: 0,
      lpipsWeight: 0,
    });
    for (const t of [0, 1, 1000, 1999]) {
      expect(learningRate(t, { ...paper, peak: paper.learningRate })).toBe(0.01);
      expect(judgedSide(t, paper)).toBe(224);
    }
    expect(priorWeight(paper.editability)).toBe(0);
  });
});
