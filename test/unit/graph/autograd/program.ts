/** Random graphs as data: fast-check draws programs, shrinks them, and prints the one that fails. */
import fc from 'fast-check';
import { differentiate } from '../../../../src/models/graph/differentiate.js';
import type { Graph } from '../../../../src/models/graph/ir.js';
import { sizeOf } from '../../../../src/models/graph/tensor.js';
import { uniform } from '../../../support/run-graph.js';
import { GENERATORS } from './generators/index.js';
import { LEAST_INPUT, Sketch } from './sketch.js';

export interface Step {
  readonly op: string;
  /** What the step's generator chooses by. */
  readonly tape: readonly number[];
}

export interface Program {
  /** Shape of the first input. */
  readonly shape: readonly number[];
  /** Of all numbers in the graph and its inputs. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

export interface Example {
  /** Inputs to `loss`. */
  readonly forward: Graph;
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

const stepOf = (op: fc.Arbitrary<string>): fc.Arbitrary<Step> =>
  fc.record({ op, tape: fc.array(fc.nat(9_999), { minLength: 24, maxLength: 24 }) });
const anyStep = stepOf(fc.constantFrom(...GENERATORS.keys()));

const firstShape = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .map((shape) => (sizeOf(shape) < LEAST_INPUT ? [...shape.slice(1), LEAST_INPUT] : shape));

/** Up to six ops; the given one is sure to be among them. */
export const programs = (op?: string): fc.Arbitrary<Program> =>
  fc.record({
    shape: firstShape,
    seed: fc.nat(),
    steps: op
      ? fc
          .tuple(
            fc.array(anyStep, { maxLength: 3 }),
            stepOf(fc.constant(op)),
            fc.array(anyStep, { maxLength: 2 }),
          )
          .map(([before, step, after]) => [...before, step, ...after])
      : fc.array(anyStep, { minLength: 1, maxLength: 6 }),
  });

/** Runs a program: the same one gives the same graph and inputs. */
export function build({ shape, seed, steps }: Program): Example {
  const sketch = new Sketch(shape, seed);
  for (const { op, tape } of steps) {
    sketch.begin(tape);
    GENERATORS.get(op)!(sketch);
  }
  const forward = sketch.finish();
  const feeds = forward.inputs.map((name, i) => {
    const { shape } = forward.types.get(name)!;
    return [name, uniform(sizeOf(shape), seed + 7919 * (i + 1))] as const;
  });
  return { forward, feeds: Object.fromEntries(feeds) };
}

/** Inputs to `loss` and its gradient for each of them: what `npm run grad` writes. */
export const differentiated = ({ forward }: Example): Graph => differentiate(forward, 'loss', forward.inputs);
