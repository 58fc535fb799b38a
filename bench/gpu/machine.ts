/** The GPU at hand, or what is missing for one. */
import { spawnSync } from 'node:child_process';
import { cudaRefusal } from '../../src/engine/cuda-provider.js';
import { openSession } from '../../src/engine/session.js';
import { GraphBuilder } from '../../src/models/graph/builder.js';
import { writeOnnx } from '../../src/models/graph/write-onnx.js';

export interface Machine {
  name: string;
  driver: string;
  memory: string;
}

/** Why no session on CUDA can be made here; undefined where one was made. */
export async function whyNoCuda(): Promise<string | undefined> {
  const refusal = await cudaRefusal();
  if (refusal) return `No CUDA: ${refusal.reason}. ${driverState()}`;
  const b = new GraphBuilder('probe');
  const x = b.input('x', 'float32', [1]);
  b.output(b.op('Add', [x, x]), 'y');
  try {
    const session = await openSession(writeOnnx(b.build()), { device: 'cuda', threads: 1 });
    await session.run({ x: { data: Float32Array.of(1), shape: [1] } });
    await session.release();
    return undefined;
  } catch (error) {
    return `No CUDA: ${error instanceof Error ? error.message : String(error)} ${driverState()}`;
  }
}

/** What the driver says of its first GPU; undefined where there is none. */
export function machine(): Machine | undefined {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader', '--id=0'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const [name, driver, memory] = stdout.trim().split(/\s*,\s*/);
  return name && driver && memory ? { name, driver, memory } : undefined;
}

function driverState(): string {
  const found = machine();
  return found
    ? `The driver ${found.driver} sees one ${found.name}.`
    : 'There is no NVIDIA driver that sees a GPU (nvidia-smi).';
}
