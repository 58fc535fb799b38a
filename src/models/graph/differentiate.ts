/** A graph and its gradients as one graph of standard ops: what `npm run grad` writes. */
import { GraphBuilder } from './builder.js';
import { gradients } from './gradient.js';
import { type Graph, type Value, valueNamed } from './ir.js';
import { foldConstants } from './passes/constant-folding.js';
import { dropIdentities } from './passes/drop-identities.js';
import { rewriteAll } from './passes/rewrite.js';
import { verify } from './verify.js';

/** Name of the output that holds dL/d(input). */
export const gradientName = (input: string): string => `grad_${input}`;

/** Largest constants that are computed ahead: vectors over channels and axes, not copies of weights. */
const SMALL = 4096;

/**
 * Inputs -> the loss and one `grad_INPUT`, in the input's shape, for each of `wrt`. Throws, naming what there is, where
 * the graph has no such input or output, and as `gradients` does.
 */
export function differentiate(graph: Graph, loss: string, wrt: readonly string[]): Graph {
  if (wrt.length === 0) throw new Error('Expected at least one input to differentiate for');
  for (const name of wrt) expectOneOf(graph, 'input', graph.inputs, name);
  expectOneOf(graph, 'output', graph.outputs, loss);
  const b = new GraphBuilder(graph.name);
  const names = wrt.map(gradientName);
  const taken = names.find((name) => graph.types.has(name));
  if (taken) throw new Error(`The model has a value '${taken}' already: rename it`);
  b.reserve(names);
  const inputs = new Map(
    graph.inputs.map((name) => {
      const { dtype, shape } = valueNamed(graph, name);
      return [name, b.input(name, dtype, shape)];
    }),
  );
  const value = b.inline(graph, inputs).get(loss)!;
  const slopes = gradients(
    b,
    value,
    wrt.map((name) => inputs.get(name)!),
  );
  b.output(value, loss);
  slopes.forEach((slope: Value, i) => {
    b.output(slope, names[i]);
  });
  return verify(rewriteAll(b.build(), [dropIdentities, foldConstants(SMALL)]));
}

function expectOneOf(graph: Graph, what: string, names: readonly string[], name: string): void {
  if (names.includes(name)) return;
  const known = names.map((each) => `'${each}' [${graph.types.get(each)!.shape}]`);
  throw new Error(`The model has no ${what} '${name}'; it has ${known.join(', ')}`);
}
