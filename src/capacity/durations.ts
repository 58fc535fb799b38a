/** How long jobs take: distributions of seconds, with their means. */

export interface Durations {
  mean: number;
  /** Seconds of a job, by uniform numbers in [0, 1). */
  draw: (uniform: () => number) => number;
}

/** Lognormal, with a standard deviation of `spread` times the mean; 0: all alike. */
export function around(mean: number, spread: number): Durations {
  if (spread === 0) return { mean, draw: () => mean };
  const variance = Math.log(1 + spread ** 2);
  return {
    mean,
    draw: (uniform) => {
      // Box and Muller 1958.
      const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
      return mean * Math.exp(Math.sqrt(variance) * normal - variance / 2);
    },
  };
}

/** Some of one kind, some of another; shares of any sum. */
export function mixture(kinds: readonly { share: number; durations: Durations }[]): Durations {
  const whole = kinds.reduce((sum, { share }) => sum + share, 0);
  return {
    mean: kinds.reduce((sum, { share, durations }) => sum + (share / whole) * durations.mean, 0),
    draw: (uniform) => {
      let left = uniform() * whole;
      const kind = kinds.find(({ share }) => {
        left -= share;
        return left < 0;
      });
      return (kind ?? kinds.at(-1)!).durations.draw(uniform);
    },
  };
}
