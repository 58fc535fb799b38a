import { describe, expect, it } from 'vitest';
import { priorWeight } from '../../../../src/models/stylegan/prior.js';

describe('priorWeight', () => {
  it('is nothing at 0 and grows to its strongest at 1, faster and faster', () => {
    const weights = [0, 0.25, 0.5, 0.75, 1].map(priorWeight);
    expect([weights[0], weights[4]]).toEqual([0, 400]);
    const gains = weights.slice(1).map((weight, i) => weight - weights[i]!);
    for (const [i, gain] of gains.entries()) expect(gain).toBeGreaterThan(i === 0 ? 0 : gains[i - 1]!);
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses %d', (editability) => {
    expect(() => priorWeight(editability)).toThrow('from 0 to 1');
  });
});
