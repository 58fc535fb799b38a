/** Explains why a number that a graph's shapes depend on is not known before it runs. */
import type { GraphBuilder } from '../builder.js';
import { describe, type Value } from '../ir.js';

/** One sentence: which node makes the value, from which inputs, and what to do. */
export function whyNotConstant(b: GraphBuilder, value: Value | undefined): string {
  if (!value) return '';
  const producers = new Map(
    b.nodesSoFar().flatMap((node) => node.outputs.map((name) => [name, node] as const)),
  );
  const from = new Set<string>();
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (!name || seen.has(name) || b.constantOf(name)) return;
    seen.add(name);
    const node = producers.get(name);
    if (node) node.inputs.forEach(visit);
    else from.add(`'${name}'`);
  };
  visit(value.name);
  const node = producers.get(value.name);
  const made = node ? `is computed by ${describe(node, (name) => b.typeOf(name))} from` : 'is';
  const inputs = from.size > 0 ? ` the input ${[...from].join(', ')}` : ' random numbers';
  return `; '${value.name}' ${made}${inputs}, whose values are known only at run time. Export the model with these numbers fixed`;
}
