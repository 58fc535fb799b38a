/** Random graphs over all ops, against PyTorch autograd (test/golden/autograd/sweep.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../../src/models/graph/ir.js';
import { OPS } from '../../../../src/models/graph/ops/index.js';
import { withBrokenRule } from './broken-rule.js';
import { corpus, type Entry } from './corpus.js';
import { GENERATORS } from './generators/index.js';
import { errorsOf, GOLDEN, unpack } from './golden.js';
import { differentiated } from './program.js';

const REMAKE = 'remake the golden values by the commands at the top of test/golden/autograd/sweep.py';
const golden = (
  JSON.parse(readFileSync(new URL('sweep.json', GOLDEN), 'utf8')) as {
    graphs: Record<string, { loss: number; [input: string]: number | string }>;
  }
).graphs;
const entries = corpus();
const differentiable = [...OPS].flatMap(([op, { grad }]) => (grad ? [op] : []));

/** Ops of nodes that depend on an input and on which the loss depends: those whose rules are put to the proof. */
function opsOnTheWay({ nodes, inputs, outputs }: Graph): Set<string> {
  const [below, above] = [new Set(inputs), new Set(outputs)];
  for (const node of nodes)
    if (node.inputs.some((name) => below.has(name))) for (const name of node.outputs) below.add(name);
  const ops = new Set<string>();
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => above.has(name)) || !node.inputs.some((name) => below.has(name)))
      continue;
    ops.add(node.op);
    for (const name of node.inputs) above.add(name);
  }
  return ops;
}

function errors({ key, feeds }: Entry, graph: Graph) {
  const { loss, ...gradients } = golden[key]!;
  const unpacked = Object.entries(gradients).map(([name, data]) => [name, unpack(data as string)]);
  return errorsOf(graph, feeds, { loss, gradients: Object.fromEntries(unpacked) }, LEAST_GRADIENT);
}

/** Most gradients of these graphs are within 1e-7 of the golden ones, which were computed in float64. */
const TOLERANCE = { loss: 2e-6, gradient: 1e-5 };
/** Smaller ones are what rounding leaves where all cancels, as in the mean of what was normalised. */
const LEAST_GRADIENT = 1e-3;

it('has a generator for every op with a gradient rule, and at least 3 graphs with the op', () => {
  expect(differentiable.filter((op) => !GENERATORS.has(op))).toEqual([]);
  const found = entries.map(({ forward }) => opsOnTheWay(forward));
  const rare = differentiable.filter((op) => found.filter((ops) => ops.has(op)).length < 3);
  expect(rare).toEqual([]);
  expect(entries.length).toBeGreaterThanOrEqual(200);
});

it('has golden values of these very graphs', () => {
  expect(new Set(entries.map(({ key }) => key)), REMAKE).toEqual(new Set(Object.keys(golden)));
});

describe('loss and gradients are those of autograd in graphs around', () => {
  it.each([...GENERATORS.keys()])('%s', async (op) => {
    for (const entry of entries.filter((entry) => entry.op === op)) {
      const found = await errors(entry, differentiated(entry));
      expect(found.loss, `loss of ${entry.key}`).toBeLessThan(TOLERANCE.loss);
      expect(found.gradient, `gradient of ${entry.key}`).toBeLessThan(TOLERANCE.gradient);
    }
  });
});

describe('a gradient that is off by 1 % in one rule fails', () => {
  it.each(differentiable)('%s', async (op) => {
    const found: number[] = [];
    for (const entry of entries.filter((entry) => entry.op === op)) {
      const { gradient } = await errors(
        entry,
        withBrokenRule(op, 1.01, () => differentiated(entry)),
      );
      found.push(gradient);
      if (gradient > 10 * TOLERANCE.gradient) return;
    }
    expect.fail(`errors are only ${found}`);
  });
});
