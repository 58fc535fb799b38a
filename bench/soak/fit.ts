/** How fast something grows, told from what garbage collection and caches make of it. */
import { median } from '../statistics.js';

export interface Slope {
  /** Per hour. */
  perHour: number;
  /** Bounds of its 95 % confidence interval. */
  least: number;
  most: number;
}

export interface Sample {
  /** Seconds. */
  at: number;
  value: number;
}

/** The least value of each stretch of so many seconds: memory that is only used between collections does not count. */
export function floors(samples: readonly Sample[], seconds: number): Sample[] {
  const least = new Map<number, Sample>();
  for (const sample of samples) {
    const stretch = Math.floor(sample.at / seconds);
    const known = least.get(stretch);
    if (!known || sample.value < known.value) least.set(stretch, sample);
  }
  return [...least.values()];
}

/**
 * The median of the slopes between all pairs, and the interval that Kendall's statistic gives (Theil 1950, Sen 1968): outliers,
 * up to 29 % of the samples, do not move it. Throws for less than three samples.
 */
export function slopeOf(samples: readonly Sample[]): Slope {
  const n = samples.length;
  if (n < 3) throw new RangeError(`Expected at least three samples but received ${n}`);
  const slopes: number[] = [];
  for (const [i, a] of samples.entries())
    for (const b of samples.slice(i + 1))
      if (b.at > a.at) slopes.push((3600 * (b.value - a.value)) / (b.at - a.at));
  slopes.sort((a, b) => a - b);
  const spread = 1.96 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const rank = (place: number): number =>
    slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(place)))]!;
  return {
    perHour: median(slopes),
    least: rank((slopes.length - spread) / 2),
    most: rank((slopes.length + spread) / 2),
  };
}
