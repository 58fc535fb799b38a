/**
 * `node dist/engine/check-cuda.js --cuda 13.0.1`: whether the CUDA provider beside onnxruntime-node fits the CUDA of
 * this image. The build of the GPU image ends with it.
 */
import { parseArgs } from 'node:util';
import { cudaProviderPath, imageProblems } from './cuda-provider.js';

const { values } = parseArgs({ options: { cuda: { type: 'string', default: '' } } });
const problems = await imageProblems(cudaProviderPath() ?? `a library for ${process.platform}`, values.cuda);
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`The CUDA provider fits CUDA ${values.cuda}.`);
process.exitCode = problems.length > 0 ? 1 : 0;
