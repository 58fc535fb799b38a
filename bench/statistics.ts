/** Summaries of measured times. */

/** Middle of the sorted values, or the mean of the two in the middle. Throws for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new RangeError('Expected at least one value');
  return (low + high) / 2;
}

/** Largest |a_i / b_i - 1|. Throws when the lists differ in length or a quotient is no number. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new RangeError(`Expected ${b.length} values but received ${a.length}`);
  const differences = a.map((x, i) => Math.abs(x / b[i]! - 1));
  const bad = differences.findIndex(Number.isNaN);
  if (bad >= 0) throw new RangeError(`Expected numbers at ${bad} but received ${a[bad]} and ${b[bad]}`);
  return Math.max(0, ...differences);
}
