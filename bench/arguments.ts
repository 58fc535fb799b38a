/** Numbers out of command lines. */

/** The integer in an option's text, at least `least`. Throws an error that names the option. */
export function integerOption(name: string, text: string, least = 1): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw new Error(`Expected an integer of at least ${least} for --${name} but received '${text}'`);
}
