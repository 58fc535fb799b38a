/** Records as Redis hashes: a JSON text per field. */

/** Field and value pairs; what is undefined is left out. */
export const fieldsOf = (record: object): string[] =>
  Object.entries(record).flatMap(([name, value]) =>
    value === undefined ? [] : [name, JSON.stringify(value)],
  );

/** Undefined for an empty hash, which is what Redis answers for a key that does not exist. */
export function fromHash(hash: Readonly<Record<string, string>>): Record<string, unknown> | undefined {
  const entries = Object.entries(hash);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([name, text]) => [name, JSON.parse(text) as unknown]));
}
