/** Evaluates graphs with ONNX Runtime: the independent engine against which rules are checked. */
import * as ort from 'onnxruntime-node';
import type { Graph } from '../../src/models/graph/ir.js';
import { verify } from '../../src/models/graph/verify.js';
import { writeOnnx } from '../../src/models/graph/write-onnx.js';

export type Feeds = Readonly<Record<string, ArrayLike<number>>>;

/** A verified graph as a function from float inputs to float outputs. Call `release` when done. */
export async function compile(graph: Graph) {
  const session = await ort.InferenceSession.create(writeOnnx(verify(graph)), {
    logSeverityLevel: 3,
    // A pool of threads takes ten times as long to start as a small graph takes to run.
    intraOpNumThreads: 1,
  });
  return {
    async run(feeds: Feeds): Promise<Record<string, Float32Array>> {
      const tensors = Object.fromEntries(
        graph.inputs.map((name) => {
          const { dtype, shape } = graph.types.get(name)!;
          const data = feeds[name];
          if (!data) throw new Error(`No value for the input '${name}'`);
          if (dtype === 'int64')
            return [name, new ort.Tensor('int64', BigInt64Array.from(Array.from(data), BigInt), [...shape])];
          return [name, new ort.Tensor('float32', Float32Array.from(data), [...shape])];
        }),
      );
      const out = await session.run(tensors);
      return Object.fromEntries(Object.entries(out).map(([name, t]) => [name, t.data as Float32Array]));
    },
    release: () => session.release(),
  };
}

/** Deterministic uniform numbers in -1..1 (a linear congruential generator; Numerical Recipes, 7.1). */
export function uniform(n: number, seed: number): Float32Array {
  // Spread by a large odd factor: neighbouring seeds would start at neighbouring numbers.
  let state = Math.imul(seed, 2654435761) >>> 0;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}
