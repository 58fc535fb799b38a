/**
 * Runs a step graph under the profiler, in a process of its own. Arguments: model file, threads, prefix of the profile's
 * path. Inputs are noise: no kernel here depends on values for its time.
 */
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readOnnx } from '../../src/models/graph/read-onnx.js';
import { sizeOf } from '../../src/models/graph/tensor.js';
import { normalFrom } from '../../src/models/random.js';

const RUNS = 6;

const [model, threads, profileFilePrefix] = process.argv.slice(2) as [string, string, string];
const graph = readOnnx(await readFile(model));
const normal = normalFrom(1);
const feeds = Object.fromEntries(
  graph.inputs.map((name) => {
    const { shape } = graph.types.get(name)!;
    // Non-negative: among the inputs are a step count and a mean of squares.
    return [
      name,
      new Tensor(
        'float32',
        Float32Array.from({ length: sizeOf(shape) }, () => 0.3 * Math.abs(normal())),
        shape,
      ),
    ];
  }),
);
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  enableProfiling: true,
  profileFilePrefix,
});
for (let i = 0; i < RUNS; i++) await session.run(feeds);
session.endProfiling();
