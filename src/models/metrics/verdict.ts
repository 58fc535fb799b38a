/** One word on a result, and the reasons for it. */
import type { Verdict } from '../../contracts.js';

/** The measures that a verdict looks at, with their bounds; docs/decisions/0009-verdict.md justifies each. */
export const VERDICT_BOUNDS = {
  /** Descriptor distance. */
  identity: { good: 0.45, fair: 0.6 },
  lpips: { good: 0.25, fair: 0.4 },
  /** Mean P_N norm: it limits what can be done with a latent, not its likeness, and so is never `poor`. */
  pn: { good: 5, fair: Number.POSITIVE_INFINITY },
} as const;

export type Judged = Record<keyof typeof VERDICT_BOUNDS, number>;

const TEXTS: Record<keyof typeof VERDICT_BOUNDS, string> = {
  identity: 'The face model sees too little of the same person: distance',
  lpips: 'The image differs visibly from the photo: LPIPS',
  pn: 'The latent lies outside of what the generator knows, and morphs may look harsh: mean P_N norm',
};

/** The worst of what each measure alone would say; `reasons` is empty for `good`. */
export function verdictOf(judged: Judged): { verdict: Verdict; reasons: string[] } {
  let verdict: Verdict = 'good';
  const reasons: string[] = [];
  for (const name of Object.keys(VERDICT_BOUNDS) as (keyof Judged)[]) {
    const { good, fair } = VERDICT_BOUNDS[name];
    const value = judged[name];
    if (value < good) continue;
    const poor = value >= fair;
    if (poor) verdict = 'poor';
    else if (verdict === 'good') verdict = 'fair';
    reasons.push(`${TEXTS[name]} ${value.toFixed(2)}, ${poor ? fair : good} or more.`);
  }
  return { verdict, reasons };
}
