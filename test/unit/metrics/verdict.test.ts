import { describe, expect, it } from 'vitest';
import { VERDICT_BOUNDS, verdictOf } from '../../../src/models/metrics/verdict.js';

const likeness = { identity: 0.3, lpips: 0.18, pn: 3 };

describe('the verdict', () => {
  it('is good, without a reason, when every measure is', () => {
    expect(verdictOf(likeness)).toEqual({ verdict: 'good', reasons: [] });
  });

  it.each([
    ['identity', VERDICT_BOUNDS.identity.good, 'fair'],
    ['identity', VERDICT_BOUNDS.identity.fair, 'poor'],
    ['lpips', VERDICT_BOUNDS.lpips.good, 'fair'],
    ['lpips', VERDICT_BOUNDS.lpips.fair, 'poor'],
    ['pn', VERDICT_BOUNDS.pn.good, 'fair'],
    ['pn', 70, 'fair'],
  ] as const)('changes at the bound itself: %s of %d is %s', (name, value, expected) => {
    const { verdict, reasons } = verdictOf({ ...likeness, [name]: value });
    expect(verdict).toBe(expected);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain(value.toFixed(2));
    const { verdict: before } = verdictOf({ ...likeness, [name]: value - 1e-6 });
    if (value !== 70) expect(before).not.toBe(expected);
  });

  it('is the worst that any measure says, with every reason', () => {
    const { verdict, reasons } = verdictOf({ identity: 0.5, lpips: 0.6, pn: 9 });
    expect(verdict).toBe('poor');
    expect(reasons).toEqual([
      expect.stringContaining('distance 0.50, 0.45 or more'),
      expect.stringContaining('LPIPS 0.60, 0.4 or more'),
      expect.stringContaining('P_N norm 9.00, 5 or more'),
    ]);
  });
});
