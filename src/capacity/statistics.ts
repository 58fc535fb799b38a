/** Summaries of many waiting times. */

/** Not a number where there are no values. */
export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** The smallest value that a share of `q` of them, from 0 to 1, does not exceed. Throws for none. */
export function quantile(values: Float64Array, q: number): number {
  if (values.length === 0) throw new RangeError('Expected at least one value');
  const sorted = values.toSorted();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}
